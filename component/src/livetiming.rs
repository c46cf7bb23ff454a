//! livetiming, Formula 1's own timing feeds: where a session's feeds lie, and how they are fetched.

use http::Uri;

use crate::error::{Error, Result};
use crate::schedule::Session;

/// A session's folder as FastF1's `_api.make_path` names it, relative to `static/`, with a slash at its end.
pub fn built_path(session: &Session) -> String {
    let Session { event_date, session_date, event, name, .. } = session;
    let path = format!("{}/{event_date} {event}/{session_date} {}/", event_date.format("%Y"), name.full());
    let path = path.replace(' ', "_");
    FILED_ELSEWHERE.iter().fold(path, |path, (from, to)| path.replace(from, to))
}

/// Sessions that livetiming files under another date or name. FastF1's table has days of testing besides,
/// which is never asked for.
const FILED_ELSEWHERE: [(&str, &str); 1] =
    // Rain moved the qualifying of São Paulo to Sunday.
    [("2024-11-03_Qualifying", "2024-11-02_Qualifying")];

/// The URL of something below `static/`; what no URL can hold is percent-encoded.
pub fn url(base: &Uri, path: &str) -> Result<Uri> {
    let mut url = base.to_string();
    if !url.ends_with('/') {
        url.push('/');
    }
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                url.push(byte.into())
            }
            byte => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url.parse().map_err(|e| Error::usage(format!("{url} is no URL: {e}; check --livetiming-url")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ascii_is_percent_encoded() {
        let base = "https://livetiming.formula1.com/static/".parse().unwrap();
        let path = "2024/2024-11-03_São_Paulo_Grand_Prix/2024-11-03_Race/";
        let expected = "https://livetiming.formula1.com/static/2024/2024-11-03_S%C3%A3o_Paulo_Grand_Prix/2024-11-03_Race/";
        assert_eq!(url(&base, path).unwrap(), expected);
    }
}
