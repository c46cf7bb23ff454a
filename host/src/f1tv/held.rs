//! What failed is not tried again by itself where that could lock an account, or is of no use yet: not by the next run,
//! and not by another process.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Credentials;
use super::store::Store;
use super::token::instant;
use super::trouble::{Failure, Hold};
use crate::random;

/// Why it is no use to sign in now, if it is none.
pub fn why_not(store: &Store, credentials: &Credentials, now: u64) -> Option<String> {
    why(&store.held()?, credentials, now)
}

fn why(note: &Value, credentials: &Credentials, now: u64) -> Option<String> {
    let (salt, mark) = (note["salt"].as_str()?, note["mark"].as_u64()?);
    let is_over = note["until"].as_u64().is_some_and(|until| until <= now);
    if is_over || mark != u64::from(mark_of(salt, credentials)) {
        return None;
    }
    let until = match note["until"].as_u64() {
        Some(until) => format!("before {}", instant(until)),
        None => "with this user name and password, which could lock the account".to_owned(),
    };
    let (at, why) = (instant(note["at"].as_u64()?), note["why"].as_str()?);
    Some(format!("not tried again {until} (f1-ingest login tries at once); at {at}: {why}"))
}

/// Notes why a sign-in failed. What cannot be noted is held in this process.
pub fn hold(store: &Store, credentials: &Credentials, failure: &Failure, now: u64) {
    let salt = random::hex_of(8);
    let until = match failure.hold {
        Hold::Until => None,
        Hold::For(long) => Some(now + long.as_secs()),
    };
    let mark = mark_of(&salt, credentials);
    let note = json!({"at": now, "until": until, "salt": salt, "mark": mark, "why": failure.error.message});
    if let Err(why) = store.hold(&note) {
        tracing::debug!("{why:#}");
    }
}

/// Tells other credentials from these, but for one in 65,536: too little to guess a password by.
fn mark_of(salt: &str, credentials: &Credentials) -> u16 {
    let Credentials { username, password } = credentials;
    let digest = Sha256::digest(format!("{salt}\0{username}\0{password}"));
    u16::from_be_bytes([digest[0], digest[1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_holds_for_the_same_credentials_and_for_its_time() {
        let of = |password: &str| Credentials { username: "joe".into(), password: password.into() };
        let mark = mark_of("salt", &of("one"));
        let note =
            |until: Option<u64>| json!({"at": 5, "until": until, "salt": "salt", "mark": mark, "why": "no"});
        let other = ["two", "three"].into_iter().find(|other| mark_of("salt", &of(other)) != mark).unwrap();
        assert!(why(&note(None), &of("one"), u64::MAX).is_some_and(|why| why.ends_with(": no")));
        assert!(why(&note(None), &of(other), 6).is_none());
        assert!(why(&note(Some(10)), &of("one"), 9).is_some());
        assert!(why(&note(Some(10)), &of("one"), 10).is_none());
        assert!(why(&json!({}), &of("one"), 0).is_none());
    }
}
