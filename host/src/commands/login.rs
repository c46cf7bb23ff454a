//! `f1-ingest login`, `login --status` and `logout`: the token that livetiming wants.

use std::io::{BufRead, IsTerminal, Read, stdin};
use std::process::Stdio;

use anyhow::{Context, Result};
use clap::Args;
use f1_ingest_component::error::Error;

use crate::f1tv::{self, Credentials, PASSWORD, USERNAME};
use crate::stdio::{announce, complain, say};
use crate::variables::variable;

/// How to sign in.
#[derive(Args)]
pub struct LoginLine {
    /// In a browser, with FastF1's add-on: https://f1login.fastf1.dev
    #[arg(long)]
    browser: bool,
    /// Take a token from stdin
    #[arg(long, conflicts_with = "browser")]
    token_stdin: bool,
    /// Say who is signed in, until when, and with which subscription: exit code 0, 75 within a day of the end, 1 if nobody is
    #[arg(long, conflicts_with_all = ["browser", "token_stdin"])]
    status: bool,
}

/// Signs in, or says who is signed in, and gives the exit code.
pub fn login(line: &LoginLine) -> Result<u8> {
    if line.status {
        return status();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let token = if line.token_stdin {
        let text = token()?;
        runtime.block_on(f1tv::take_text(&text))?
    } else if line.browser {
        runtime.block_on(f1tv::sign_in_by_browser(open))?
    } else {
        let credentials = credentials()?;
        runtime.block_on(f1tv::sign_in(&credentials))?
    };
    announce(&format!("signed in to F1TV: {}\n", token.described()));
    if token.is_inactive() {
        say("livetiming may refuse this token: its subscription is not active");
    }
    Ok(0)
}

/// Forgets the token.
pub fn logout() -> Result<u8> {
    let (was_there, others) = f1tv::forget()?;
    announce(if was_there { "signed out: the token is removed\n" } else { "nobody was signed in\n" });
    if let Some(file) = others {
        say(&format!("FastF1's own token is still there, and runs use it: {file}"));
    }
    Ok(0)
}

fn status() -> Result<u8> {
    let Some((token, place)) = f1tv::current()? else {
        complain("nobody is signed in to F1TV: f1-ingest login");
        return Ok(1);
    };
    let (now, described) = (f1tv::now(), token.described());
    announce(&format!("{described}\nfrom {place}\n"));
    Ok(match () {
        () if !token.is_valid(now) => {
            complain("it has ended: f1-ingest login gets a new one");
            1
        }
        () if token.ends_soon(now) => 75,
        () => 0,
    })
}

/// The environment's user name and password, or what a person types. Fails, as wrong usage, if there is nobody to ask.
fn credentials() -> Result<Credentials> {
    if let Some(credentials) = Credentials::of_environment() {
        return Ok(credentials);
    }
    if !stdin().is_terminal() {
        let why = format!(
            "there is no terminal to ask at: set {USERNAME} and {PASSWORD}, or take --browser or --token-stdin"
        );
        return Err(Error::usage(why).into());
    }
    let username = match variable(USERNAME) {
        Some(username) => username,
        None => {
            eprint!("F1TV e-mail address: ");
            let mut line = String::new();
            stdin().lock().read_line(&mut line)?;
            line.trim().to_owned()
        }
    };
    let typed = || rpassword::prompt_password("F1TV password: ").context("the password was not typed");
    let password = variable(PASSWORD).map_or_else(typed, Ok)?;
    if username.is_empty() || password.is_empty() {
        return Err(Error::usage("user name or password is empty; nothing was sent").into());
    }
    Ok(Credentials { username, password })
}

/// What stdin holds, or a person pastes without its showing.
fn token() -> Result<String> {
    const LONGEST: u64 = 64 << 10;
    if stdin().is_terminal() {
        return rpassword::prompt_password("F1TV token: ").context("the token was not typed");
    }
    let mut text = String::new();
    let read = stdin().lock().take(LONGEST).read_to_string(&mut text);
    read.map_err(|_| Error::usage("stdin holds no token"))?;
    Ok(text)
}

/// Shows the page, and opens it in whichever browser there is. The browser gets no password.
fn open(page: &str) {
    announce(&format!("sign in on this page, in a browser with FastF1's add-on: {page}\n"));
    for mut command in open::commands(page) {
        command.env_remove(USERNAME).env_remove(PASSWORD).env_remove(f1tv::VARIABLE);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if command.spawn().is_ok() {
            return;
        }
    }
}
