//! Documents of Jolpica, or of any other API that speaks Ergast's JSON: the bytes as they came, of all pages.

pub mod answer;
pub mod changes;
pub mod dump;
pub mod endpoint;
pub mod merge;
pub mod pages;
pub mod rows;

use f1_ingest_feeds::value::Value;
use http::Uri;

use crate::document::Document;
use crate::error::{Error, Kind, Result};
use crate::http::client::Client;
use crate::http::transport::{Clock, Transport};
use crate::http::url::{Shown, authority};
use crate::jolpica::answer::Answer;
use crate::session::{SessionId, SessionName};

pub use endpoint::Table;

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

/// Fetches one of the API's documents, in the fewest requests.
pub async fn fetch_table<'a, R: Transport + Clock>(
    client: &'a Client<R>,
    api: &Uri,
    table: &Table,
) -> Result<Document<'a>> {
    if table.is_dump() {
        return dump::fetch(client, api).await;
    }
    let url = document_url(api, &format!("{}?limit={}", table.path(), pages::PAGE))?;
    let mut document = fetch(client, &url).await?;
    document.metadata.extend(table.metadata());
    Ok(document)
}

/// Fetches the document at `url` with [all its rows](pages::whole).
///
/// Fails if it is no answer of the API, and if it has no rows: those are not published yet, or never will be.
pub async fn fetch<R: Transport + Clock>(client: &Client<R>, url: &Uri) -> Result<Document<'static>> {
    let response = pages::whole(client, url).await?;
    let answer = Answer::of(url, &response)?;
    let (rows, total, url) = (answer.count(), answer.total, Shown(url));
    if total == 0 {
        let message =
            format!("{url} has no rows yet; it is not published, or the season or round does not exist");
        return Err(Error::new(Kind::NotPublished, message));
    }
    let document =
        Document { metadata: vec![("source-url", url.to_string())], ..Document::whole(response.body) };
    if rows < total {
        document.warnings.add(format!("{url} gives {rows} of {total} rows"));
    }
    Ok(document)
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
