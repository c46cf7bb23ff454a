//! Who signed a token: RS256, by one of the keys that Formula 1 publishes.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use f1_ingest_component::livetiming::part;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde_json::Value;

/// Fails, and says why, unless one of `keys` (RFC 7517) has signed the token (RFC 7515).
pub fn check(token: &str, keys: &Value) -> Result<(), &'static str> {
    let (signed, signature) = token.rsplit_once('.').ok_or("it is no JWT")?;
    let header = part(signed.split('.').next().unwrap_or_default()).ok_or("it is no JWT")?;
    if header["alg"] != "RS256" {
        return Err("it is not signed by RS256");
    }
    let id = header["kid"].as_str().ok_or("it names no key")?;
    let is_it = |key: &&Value| key["kid"] == id && key["kty"] == "RSA";
    let key = keys["keys"].as_array().and_then(|keys| keys.iter().find(is_it));
    let key = key.ok_or("it is signed by a key that Formula 1 does not publish")?;
    let bytes = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
    let number = |name: &str| key[name].as_str().and_then(bytes);
    let (n, e) = number("n").zip(number("e")).ok_or("its key cannot be read")?;
    let signature = bytes(signature).ok_or("its signature cannot be read")?;
    RsaPublicKeyComponents { n, e }
        .verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature)
        .map_err(|_| "its signature is wrong")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_published_key_has_signed_is_good() {
        let token = |header: &str| format!("{}.e30.AAAA", BASE64_URL_SAFE_NO_PAD.encode(header));
        let keys = serde_json::json!({"keys": [{"kid": "k", "kty": "RSA", "n": "AQAB", "e": "AQAB"}]});
        for (header, why) in [
            (r#"{"alg": "none", "kid": "k"}"#, "it is not signed by RS256"),
            (r#"{"alg": "HS256", "kid": "k"}"#, "it is not signed by RS256"),
            (r#"{"alg": "RS256"}"#, "it names no key"),
            (r#"{"alg": "RS256", "kid": "other"}"#, "it is signed by a key that Formula 1 does not publish"),
            (r#"{"alg": "RS256", "kid": "k"}"#, "its signature is wrong"),
        ] {
            assert_eq!(check(&token(header), &keys), Err(why), "{header}");
        }
        assert_eq!(check("opaque", &keys), Err("it is no JWT"));
    }
}
