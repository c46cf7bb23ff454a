//! What a host says may hold what it was told: here it is taken out.

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

/// What stands in place of a secret.
const HIDDEN: &str = "***";

/// What must not be shown.
#[derive(Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// From now on, `secret` is one: as it is, and in the ways that hosts write texts.
    pub fn add(&mut self, secret: &str) {
        if secret.trim().is_empty() {
            return;
        }
        let escaped = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let json = serde_json::Value::from(secret).to_string();
        let encoded = percent_encode(secret.as_bytes(), NON_ALPHANUMERIC).to_string();
        let form = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let all = [secret.to_owned(), escaped, json[1..json.len() - 1].to_owned(), encoded, form];
        self.0.extend(all);
        self.0.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        self.0.dedup();
    }

    /// A text without them, in whichever case, and without anything that looks like a JWT.
    pub fn hidden(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.0 {
            text = replaced(&text, secret);
        }
        let is_of_one = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let mut shown = String::new();
        for piece in text.split_inclusive(|c| !is_of_one(c)) {
            let word = piece.trim_end_matches(|c| !is_of_one(c));
            let is_jwt = word.starts_with("eyJ") && word.len() > 12;
            shown.push_str(&if is_jwt { piece.replace(word, HIDDEN) } else { piece.to_owned() });
        }
        shown
    }
}

/// A text without `secret`; ASCII letters may be of the other case.
fn replaced(text: &str, secret: &str) -> String {
    let (lower, secret) = (text.to_ascii_lowercase(), secret.to_ascii_lowercase());
    let (mut shown, mut from) = (String::new(), 0);
    for (at, _) in lower.match_indices(&secret) {
        shown.push_str(&text[from..at]);
        shown.push_str(HIDDEN);
        from = at + secret.len();
    }
    shown + &text[from..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_in_every_way_of_writing_them() {
        let mut secrets = Secrets::default();
        ["Joe@Example.com", "p&\"ss w<rd", "", " "].iter().for_each(|secret| secrets.add(secret));
        for (said, shown) in [
            ("no user joe@example.COM here", "no user *** here"),
            ("joe%40example%2Ecom", "***"),
            ("user=Joe%40Example.com&x", "user=***&x"),
            ("p&\"ss w<rd", "***"),
            ("p&amp;\"ss w&lt;rd.", "***."),
            (r#"{"p": "p&\"ss w<rd"}"#, r#"{"p": "***"}"#),
            ("p%26%22ss+w%3Crd", "***"),
            ("bad eyJhbGciOiJub25lIn0.e30.x, é", "bad ***, é"),
            ("eyJ is short", "eyJ is short"),
        ] {
            assert_eq!(secrets.hidden(said), shown, "{said}");
        }
    }
}
