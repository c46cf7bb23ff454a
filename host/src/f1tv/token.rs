//! A token of a subscription, and what it says of itself.

use chrono::{DateTime, SecondsFormat};
use f1_ingest_component::error::one_line;
use f1_ingest_component::livetiming::{self, claims};
use http::HeaderValue;
use serde_json::Value;

use super::formula1::{ACTIVE, MARGIN, NAMES, PRODUCT, STATUS, SUBSCRIBER};

/// Seconds of a day: so long ahead the end of a token is warned of.
pub const DAY: u64 = 24 * 3600;

/// The token, which shows nowhere: it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    value: String,
    /// The unix second of its end, if it says so.
    pub ends: Option<u64>,
}

impl Token {
    /// None if it holds what no header can.
    pub fn parse(text: &str) -> Option<Token> {
        let value = livetiming::Token::parse(text).ok()?.secret().to_owned();
        let ends = claims(&value).and_then(|claims| seconds(claims.get("exp")?));
        Some(Token { value, ends })
    }

    /// The token itself, for a header, a file or the guest.
    pub fn secret(&self) -> &str {
        &self.value
    }

    pub fn bearer(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.value)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Whether it is good for a while yet.
    pub fn is_fresh(&self, now: u64) -> bool {
        self.ends.is_none_or(|ends| ends > now + MARGIN)
    }

    /// Whether it has not ended.
    pub fn is_valid(&self, now: u64) -> bool {
        self.ends.is_none_or(|ends| ends > now)
    }

    /// Whether it ends within a day.
    pub fn ends_soon(&self, now: u64) -> bool {
        self.ends.is_some_and(|ends| ends <= now + DAY)
    }

    /// Whose it is, until when, and of which subscription, in one line.
    pub fn described(&self) -> String {
        let claims = claims(&self.value).unwrap_or_default();
        let text = |name: &str| match claims.get(name)? {
            Value::String(text) => Some(shown(text)).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let name = NAMES.into_iter().filter_map(text).collect::<Vec<_>>().join(" ");
        let number = || Some(format!("subscriber {}", text(SUBSCRIBER)?));
        let who = Some(name).filter(|name| !name.is_empty()).or_else(number);
        let until = self.ends.map_or("nobody knows when".to_owned(), instant);
        let product = text(PRODUCT).unwrap_or_else(|| "not named".to_owned());
        let status = text(STATUS).map(|status| format!(" ({status})")).unwrap_or_default();
        format!("{}, until {until}; subscription: {product}{status}", who.as_deref().unwrap_or("somebody"))
    }

    /// What it says of its subscription, if that is not that it is active.
    pub fn is_inactive(&self) -> bool {
        let status = claims(&self.value).and_then(|claims| Some(claims.get(STATUS)?.as_str()?.to_owned()));
        status.is_some_and(|status| !status.eq_ignore_ascii_case(ACTIVE))
    }
}

/// A time of a claim or a file, which may have a fraction.
pub fn seconds(value: &Value) -> Option<u64> {
    let seconds = value.as_f64().filter(|seconds| (0.0..1e12).contains(seconds))?;
    Some(seconds as u64)
}

/// A unix second as people read it.
pub fn instant(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    time.map_or_else(|| seconds.to_string(), |time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// A text of a claim, as a line can hold it.
fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    one_line(text).chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;

    use super::*;

    fn jwt(claims: &str) -> String {
        format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_token_says_when_it_ends() {
        let token = Token::parse(&format!(" {}\n", jwt(r#"{"exp": 1795521600.9}"#))).unwrap();
        assert_eq!(token.ends, Some(1_795_521_600));
        assert!(token.is_fresh(1_795_521_299) && !token.is_fresh(1_795_521_300));
        assert!(token.is_valid(1_795_521_599) && !token.is_valid(1_795_521_600));
        assert!(token.ends_soon(1_795_521_600 - DAY) && !token.ends_soon(1_795_521_599 - DAY));
        for other in ["opaque", "a.b.c", "e30.e30.e30.e30", &jwt(r#"{"exp": "soon"}"#), &jwt("[]")] {
            assert_eq!(Token::parse(other).unwrap().ends, None, "{other}");
        }
        assert!(["", " ", "two words", "é"].iter().all(|text| Token::parse(text).is_none()));
    }

    #[test]
    fn what_it_says_of_itself_is_one_line() {
        let claims = r#"{"exp": 1795521600, "FirstName": "A\u001b[31m\nB", "SubscriberId": 7,
            "SubscribedProduct": "F1 TV Pro", "SubscriptionStatus": "active"}"#;
        let token = Token::parse(&jwt(claims)).unwrap();
        assert_eq!(
            token.described(),
            "A [31m B, until 2026-11-24T12:00:00Z; subscription: F1 TV Pro (active)"
        );
        assert!(!token.is_inactive());
        let token = Token::parse(&jwt(r#"{"SubscriberId": 7, "SubscriptionStatus": "inactive"}"#)).unwrap();
        assert!(
            token.described().starts_with("subscriber 7, until nobody knows when") && token.is_inactive()
        );
    }
}
