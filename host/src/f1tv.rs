//! Signing in to F1TV, whose token livetiming wants: how a token is got, where it is kept, and which requests have it.
//!
//! Formula 1 issues no token that renews another one: a new one is a new sign-in. So user name and password stay in this
//! process, and a run's sandbox sees the token only.

mod access;
mod answer;
mod browser;
mod formula1;
mod held;
mod password;
mod renewal;
mod secrets;
mod signature;
mod store;
mod token;
mod told;
mod trouble;
mod wire;

pub use access::Access;
pub use token::instant;
pub use told::Told;

use std::time::SystemTime;

use anyhow::{Context, Result};
use f1_ingest_component::error::Error;

use crate::variables::variable;
use store::{Kept, Store};
use token::Token;

/// The variables with user name and password, as FastF1 has them. No child of this process gets them.
pub const USERNAME: &str = "F1_USERNAME";
pub const PASSWORD: &str = "F1_PASSWORD";

/// The variable with a token, which goes before the one that is kept.
pub const VARIABLE: &str = "F1TV_TOKEN";

/// User name and password, which show nowhere: there is no `Debug`.
#[derive(Clone)]
pub struct Credentials {
    pub username: String,
    pub password: String,
}

impl Credentials {
    /// Those of the environment, if both are set.
    pub fn of_environment() -> Option<Credentials> {
        Some(Credentials { username: variable(USERNAME)?, password: variable(PASSWORD)? })
    }
}

/// Signs in, because a person said so, and keeps the token.
pub async fn sign_in(credentials: &Credentials) -> Result<Token> {
    let store = Store::of_user();
    let _lock = store.lock().await?;
    match password::token(credentials).await {
        Ok(token) => kept(&store, token),
        Err(failure) => {
            held::hold(&store, credentials, &failure, now());
            Err(failure.error.into())
        }
    }
}

/// Signs in in a browser, and keeps the token. `shown` is given the page that is to be opened.
pub async fn sign_in_by_browser(shown: impl FnOnce(&str)) -> Result<Token> {
    let token = browser::token(shown).await?;
    take(token).await
}

/// Keeps a token that a person has from elsewhere. Fails, as wrong usage, if it is none, or has ended.
pub async fn take_text(text: &str) -> Result<Token> {
    let token = Token::parse(text).filter(|token| token.ends.is_some());
    take(token.ok_or_else(|| {
        Error::usage("this is no token of F1TV's: copy all of it, three parts with dots between")
    })?)
    .await
}

async fn take(token: Token) -> Result<Token> {
    if !token.is_valid(now()) {
        let ended = token.ends.map(instant).unwrap_or_default();
        return Err(Error::usage(format!("this token has ended, at {ended}: get a new one")).into());
    }
    let store = Store::of_user();
    let _lock = store.lock().await?;
    kept(&store, token)
}

fn kept(store: &Store, token: Token) -> Result<Token> {
    store.keep(&Kept { token: token.clone(), after_refusal: None }).context("the token cannot be kept")?;
    store.hold_nothing();
    Ok(token)
}

/// The token that a run would use, and where it is from: the environment's, ours, FastF1's. Fails if it must not be used.
pub fn current() -> Result<Option<(Token, String)>> {
    if let Some(text) = variable(VARIABLE) {
        let token = Token::parse(&text);
        let wrong = || Error::usage(format!("{VARIABLE} holds characters that no token has; copy it again"));
        return Ok(Some((token.ok_or_else(wrong)?, VARIABLE.to_owned())));
    }
    Ok(Store::of_user().token()?.map(|(kept, place)| (kept.token, place)))
}

/// Forgets the token. Gives whether there was one, and FastF1's file if that has one still.
pub fn forget() -> Result<(bool, Option<String>)> {
    let was_there = Store::of_user().forget()?;
    let others = store::fastf1().filter(|file| file.exists());
    Ok((was_there, others.map(|file| file.display().to_string())))
}

/// The unix second that it is.
pub fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
