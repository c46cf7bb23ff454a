//! A token of F1TV's, and what it says of itself.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::error::{Error, Result};

/// The claim with the state of the account's subscription, and its value if there is one.
pub const STATUS: &str = "SubscriptionStatus";
pub const ACTIVE: &str = "active";

/// An F1TV subscription token. It shows in no log.
pub struct Token(String);

/// Whether a token can be good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As far as it says.
    Good,
    Ended(DateTime<Utc>),
    NoSubscription,
}

impl Token {
    pub fn parse(text: &str) -> Result<Token> {
        let token = text.trim();
        let fine = !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
        fine.then(|| Token(token.to_owned()))
            .ok_or_else(|| Error::usage("F1TV_TOKEN holds characters that no token has; copy it again"))
    }

    /// The token itself, for a header.
    pub fn secret(&self) -> &str {
        &self.0
    }

    pub fn state(&self, now: DateTime<Utc>) -> State {
        let claims = claims(&self.0).unwrap_or_default();
        let ends =
            claims.get("exp").and_then(Value::as_f64).and_then(|at| DateTime::from_timestamp(at as i64, 0));
        let status = claims.get(STATUS).and_then(Value::as_str);
        match (ends, status) {
            (Some(ends), _) if ends <= now => State::Ended(ends),
            (_, Some(status)) if !status.eq_ignore_ascii_case(ACTIVE) => State::NoSubscription,
            _ => State::Good,
        }
    }
}

/// What a JWT says, whoever signed it; none if it is no JWT.
pub fn claims(jwt: &str) -> Option<Value> {
    let mut parts = jwt.split('.');
    let (_, claims, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
        return None;
    };
    part(claims)
}

/// A part of a JWT that is JSON.
pub fn part(text: &str) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok().filter(Value::is_object)
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_why_it_is_not_good() {
        let now = DateTime::from_timestamp(1_795_521_600, 0).unwrap();
        let state = |claims: &str| {
            Token::parse(&format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))).unwrap().state(now)
        };
        assert_eq!(state(r#"{"exp": 1795521601, "SubscriptionStatus": "Active"}"#), State::Good);
        assert_eq!(state(r#"{"exp": 1795521600, "SubscriptionStatus": "inactive"}"#), State::Ended(now));
        assert_eq!(state(r#"{"exp": 1795521601, "SubscriptionStatus": "inactive"}"#), State::NoSubscription);
        for other in ["{}", "[]", "", r#"{"exp": "soon"}"#, r#"{"exp": 1e300}"#] {
            assert_eq!(state(other), State::Good, "{other}");
        }
        assert_eq!(Token::parse("opaque").unwrap().state(now), State::Good);
    }
}
