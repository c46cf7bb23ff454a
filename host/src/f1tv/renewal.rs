//! A new token by user name and password: one sign-in, whoever asks for it, in however many processes.

use anyhow::{Result, bail};
use f1_ingest_component::log::Log;

use super::store::{Kept, Store};
use super::token::{Token, instant};
use super::{Credentials, held, now, password};

/// A token that was signed in for because the one before was refused, and is refused so soon too, is not at fault.
const SOON: u64 = 3600;

/// What another process has kept meanwhile, or else a new token; never `refused`, which is dropped. Fails if the sign-in
/// does, or would be of no use.
pub async fn token(credentials: &Credentials, refused: Option<&Token>, log: &Log) -> Result<Token> {
    let store = Store::of_user();
    let _lock = store.lock().await?;
    let now = now();
    // What cannot be read is replaced.
    let before = store.token().ok().flatten().map(|(kept, _)| kept);
    if let Some(Kept { token, .. }) = &before
        && token.is_fresh(now)
        && Some(token) != refused
    {
        return Ok(token.clone());
    }
    if let Some(why) = held::why_not(&store, credentials, now) {
        bail!("{why}");
    }
    if let Some(Kept { token, after_refusal: Some(at) }) = &before
        && Some(token) == refused
        && now < at + SOON
    {
        bail!(
            "livetiming refuses this token, which is new since {}, as it did the one before; see in a browser what the \
             account's subscription lacks",
            instant(*at)
        );
    }
    if before.is_some_and(|kept| Some(&kept.token) == refused) {
        store.drop_token()?;
    }
    let token = match password::token(credentials).await {
        Ok(token) => token,
        Err(failure) => {
            held::hold(&store, credentials, &failure, now);
            return Err(failure.error.into());
        }
    };
    store.hold_nothing();
    log.info(&format!("signed in to F1TV, until {}", token.ends.map(instant).unwrap_or_default()));
    if let Err(why) = store.keep(&Kept { token: token.clone(), after_refusal: refused.map(|_| now) }) {
        log.warn(&format!(
            "the F1TV token is this process's alone, others have to sign in themselves: {why:#}"
        ));
    }
    Ok(token)
}
