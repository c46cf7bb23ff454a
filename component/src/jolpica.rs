//! Race results from Jolpica, or from any other API that speaks Ergast's JSON: the bytes as they came.

use f1_ingest_feeds::value::{Json, Value};
use http::Uri;
use serde::de::IgnoredAny;

use crate::document::Document;
use crate::error::{Error, Kind, Result};
use crate::http::client::Client;
use crate::http::transport::{Clock, Response, Transport};
use crate::http::url::{Shown, authority};
use crate::session::{SessionId, SessionName};

/// Fetches the results of a session.
///
/// Fails if the API has none of such a session, or not yet.
pub async fn fetch_results<R: Transport + Clock>(
    client: &Client<R>,
    api: &Uri,
    session: &SessionId,
) -> Result<Document<'static>> {
    let mut document = fetch(client, &results_url(api, session)?).await?;
    document.metadata.extend(session.metadata());
    Ok(document)
}

/// Fetches `url` and checks that it is an answer of the API with something in it.
pub async fn fetch<R: Transport + Clock>(client: &Client<R>, url: &Uri) -> Result<Document<'static>> {
    let response = client.get(url, None).await?;
    check(url, &response)?;
    Ok(Document { metadata: vec![("source-url", Shown(url).to_string())], ..Document::whole(response.body) })
}

/// The document that has the results of a session, if the API has them.
pub fn results_of(session: SessionName) -> Option<&'static str> {
    match session {
        SessionName::Race => Some("results"),
        SessionName::Qualifying => Some("qualifying"),
        SessionName::Sprint => Some("sprint"),
        _ => None,
    }
}

/// The URL of a session's results.
///
/// Fails if the API has none of such a session.
pub fn results_url(api: &Uri, session: &SessionId) -> Result<Uri> {
    let SessionId { season, round, name } = session;
    let document = results_of(*name).ok_or_else(|| {
        let message = format!("Jolpica has no results of {}; it has R, Q and S", name.full());
        Error::new(Kind::NotFound, message)
    })?;
    document_url(api, &format!("{season}/{round}/{document}.json"))
}

/// The list of races in any of the API's documents.
pub fn races<'j, 'a>(document: Value<'j, 'a>) -> Option<Value<'j, 'a>> {
    document.at(&["MRData", "RaceTable", "Races"]).filter(|races| races.is_list())
}

/// The URL of another document of the API that `url` is one of: all of them lie below `f1/`.
pub fn document_url(url: &Uri, document: &str) -> Result<Uri> {
    let base = url.to_string();
    let base = match base.find("/f1/") {
        Some(at) => base.get(..at + "/f1".len()).unwrap_or_default().to_owned(),
        None => format!("{}://{}/ergast/f1", url.scheme_str().unwrap_or("https"), authority(url)),
    };
    let text = format!("{base}/{document}");
    text.parse().map_err(|e| {
        Error::new(Kind::NotFound, format!("{document} makes no URL ({e}); check --jolpica-url"))
    })
}

/// Refuses what is not an answer of the API, or one without rows: `total` is a number, as a text.
/// <https://github.com/jolpica/jolpica-f1/blob/main/docs/README.md>
fn check(url: &Uri, response: &Response) -> Result<()> {
    let url = Shown(url);
    let got = response.header("content-type").unwrap_or("no content type");
    let not_ergast = |why: &str| {
        let message = format!("{url} sent something that is not Ergast JSON ({got}: {why}); check the URL");
        Error::new(Kind::NotJson, message)
    };
    if let Err(e) = serde_json::from_slice::<IgnoredAny>(&response.body) {
        if e.is_eof() && !response.body.is_empty() {
            let message = format!("{url}: the JSON ends in the middle ({e}); check the network");
            return Err(Error::new(Kind::Network, message).because_of(e));
        }
        return Err(not_ergast(&e.to_string()).because_of(e));
    }
    let mut json = Json::default();
    let answer = json.read_bytes(&response.body).and_then(|answer| answer.get("MRData"));
    let answer = answer.filter(|data| data.is_object()).ok_or_else(|| not_ergast("it has no MRData"))?;
    let total = answer.get("total").and_then(Value::text);
    match total.and_then(|total| total.parse::<u64>().ok()) {
        Some(0) => {
            let message =
                format!("{url} has no rows yet; it is not published, or the season or round does not exist");
            Err(Error::new(Kind::NotPublished, message))
        }
        Some(_) => Ok(()),
        None => Err(not_ergast("it does not say how many rows it has")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(body: &str) -> Option<Kind> {
        let response = Response {
            status: http::StatusCode::OK,
            headers: http::HeaderMap::new(),
            body: body.as_bytes().to_vec(),
        };
        check(&Uri::from_static("https://example.org/f1"), &response).err().map(|e| e.kind)
    }

    #[test]
    fn documents_lie_beside_each_other() {
        for (given, expected) in [
            (
                "https://api.jolpi.ca/ergast/f1/current/last/results.json",
                "https://api.jolpi.ca/ergast/f1/2024.json",
            ),
            (
                "http://127.0.0.1:80/mirror/f1/2024/1/results.json?limit=9",
                "http://127.0.0.1:80/mirror/f1/2024.json",
            ),
            ("https://example.org/results", "https://example.org/ergast/f1/2024.json"),
        ] {
            assert_eq!(document_url(&Uri::from_static(given), "2024.json").unwrap(), expected);
        }
    }

    #[test]
    fn only_an_answer_with_rows_is_stored() {
        assert_eq!(kind(r#"{"MRData": {"total": "20", "RaceTable": {"Races": []}}}"#), None);
        assert_eq!(kind(r#"{"MRData": {"RaceTable": {}}}"#), Some(Kind::NotJson));
        assert_eq!(kind(r#"{"MRData": {"error": "internal"}, "detail": "x"}"#), Some(Kind::NotJson));
        for total in ["0", "20", "null", r#""many""#, r#""-1""#, r#""""#] {
            assert_eq!(
                kind(&format!(r#"{{"MRData": {{"total": {total}}}}}"#)),
                Some(Kind::NotJson),
                "{total}"
            );
        }
        assert_eq!(kind(r#"{"MRData": {"total": "0"}}"#), Some(Kind::NotPublished));
        assert_eq!(kind(r#"{"MRData": {"total": "20", "RaceTable"#), Some(Kind::Network));
        assert_eq!(kind("<!DOCTYPE html><html></html>"), Some(Kind::NotJson));
        assert_eq!(kind(r#"{"detail": "throttled"}"#), Some(Kind::NotJson));
        assert_eq!(kind("[]"), Some(Kind::NotJson));
        assert_eq!(kind(""), Some(Kind::NotJson));
    }
}
