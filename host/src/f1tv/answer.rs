//! What a host answers to a step of a sign-in, and what it says in it to people.

use f1_ingest_component::error::one_line;
use http::header::{CONTENT_TYPE, LOCATION, SET_COOKIE};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;

use super::secrets::Secrets;

/// So many characters of what a host says are shown.
const LONGEST: usize = 160;

/// An answer, whole.
pub struct Answer {
    pub host: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body, if it is a JSON object.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok().filter(Value::is_object)
    }

    /// Whether it is a page for people, such as one with a challenge.
    pub fn is_page(&self) -> bool {
        let kind = self.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        kind.to_ascii_lowercase().starts_with("text/html") || self.body.trim_ascii_start().starts_with(b"<")
    }

    /// The host that it redirects to.
    pub fn leads_to(&self) -> Option<String> {
        let location = self.headers.get(LOCATION).filter(|_| self.status.is_redirection())?;
        let url: Uri = location.to_str().ok()?.parse().ok()?;
        Some(url.host().unwrap_or(&self.host).to_owned())
    }

    /// The values of the cookies that it sets.
    pub fn cookies(&self) -> impl Iterator<Item = &str> {
        let set = self.headers.get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok());
        set.filter_map(|cookie| Some(cookie.split(';').next()?.split_once('=')?.1.trim()))
    }

    /// What it says to people: one short line without markup and `secrets`; none if it says nothing.
    pub fn said(&self, secrets: &Secrets) -> Option<String> {
        let text = match self.json() {
            Some(json) => message(&json)?,
            None if self.is_page() => {
                let page = String::from_utf8_lossy(&self.body);
                title(&page).unwrap_or_else(|| page.into_owned())
            }
            None => String::from_utf8_lossy(&self.body).into_owned(),
        };
        let text = secrets.hidden(&one_line(&without_markup(&secrets.hidden(&text))));
        let cut = match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}...", text[..end].trim_end()),
            None => text,
        };
        Some(cut).filter(|text| !text.is_empty())
    }
}

/// What a JSON answer says to people, as PingOne and OAuth have it.
pub fn message(json: &Value) -> Option<String> {
    ["/message", "/error_description", "/errorMessage", "/details/0/message", "/error", "/code"]
        .iter()
        .find_map(|place| json.pointer(place)?.as_str().filter(|text| !text.trim().is_empty()))
        .map(str::to_owned)
}

fn title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let begin = lower.find("<title")?;
    let begin = begin + lower[begin..].find('>')? + 1;
    let end = begin + lower[begin..].find("</title")?;
    Some(page[begin..end].to_owned()).filter(|title| !title.trim().is_empty())
}

/// A text without tags, and without what is in scripts and styles.
fn without_markup(text: &str) -> String {
    let (mut shown, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        shown.push_str(before);
        let name: String = tag[1..].chars().take_while(char::is_ascii_alphabetic).collect();
        let name = name.to_ascii_lowercase();
        let end = match name.as_str() {
            "script" | "style" => {
                let close = format!("</{name}");
                let lower = tag.to_ascii_lowercase();
                lower.find(&close).and_then(|at| Some(at + lower[at..].find('>')?))
            }
            _ => tag.find('>'),
        };
        shown.push(' ');
        rest = end.map_or("", |end| &tag[end + 1..]);
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(body: &str) -> Option<String> {
        let (host, status, headers) = ("id.example".to_owned(), StatusCode::FORBIDDEN, HeaderMap::new());
        let mut secrets = Secrets::default();
        secrets.add("hunter2");
        Answer { host, status, headers, body: body.as_bytes().to_vec() }.said(&secrets)
    }

    #[test]
    fn what_a_host_says_is_one_line_without_markup() {
        for (body, shown) in [
            (r#"{"message": "No\nsuch <b>user</b> \u001b[1mhunter2"}"#, Some("No such user [1m***")),
            (r#"{"error": "invalid_grant", "error_description": "Code is spent"}"#, Some("Code is spent")),
            (r#"{"details": [{"message": "first"}]}"#, Some("first")),
            (r#"{"status": "FAILED"}"#, None),
            ("<html><head><TITLE lang=x>Access\nDenied</TITLE></head>", Some("Access Denied")),
            ("<script>var x = '<b>'</script><p>Wait", Some("Wait")),
            ("<p>hun<b></b>ter2</p>", Some("hun ter2")),
            ("<script", None),
            ("", None),
            ("plain", Some("plain")),
        ] {
            assert_eq!(said(body).as_deref(), shown, "{body}");
        }
        assert!(said(&"é".repeat(1000)).is_some_and(|text| text.chars().count() == LONGEST + 3));
    }
}
