//! Jolpica's whole database as it gives it away, a zip of CSV files that is some weeks old.
//!
//! <https://github.com/jolpica/jolpica-f1/blob/main/docs/endpoints/data/dumps.md>

use futures_util::stream::{StreamExt, once};
use http::Uri;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::document::Document;
use crate::error::{Error, Kind, Result};
use crate::http::client::Client;
use crate::http::transport::{Clock, Transport};
use crate::http::url::Shown;

/// Where Jolpica says what dumps there are.
const OVERVIEW: &str = "data/dumps/download/";

/// Where it sends whoever wants the one that is free: to a signed URL of another host, which is valid for an hour.
const FREE: &str = "data/dumps/download/delayed/?dump_type=csv";

#[derive(Deserialize)]
struct Overview {
    delayed_dumps: Dumps,
}

/// None, if there is no dump yet that is old enough.
#[derive(Deserialize)]
struct Dumps {
    csv: Option<Promised>,
}

/// What a dump is to be.
#[derive(Deserialize)]
struct Promised {
    /// SHA-256 in hex.
    file_hash: String,
    /// Bytes.
    file_size: u64,
}

/// The URL that redirects to the dump, on the host of the API that `api` is any URL of.
pub fn url(api: &Uri) -> Result<Uri> {
    beside(api, FREE)
}

/// Asks which dump there is, and fetches it when it is read: whoever has it by its hash need not. Two requests to Jolpica.
///
/// What comes and is not the one that was promised is an error.
pub async fn fetch<'a, R: Transport + Clock>(client: &'a Client<R>, api: &Uri) -> Result<Document<'a>> {
    let (overview, url) = (beside(api, OVERVIEW)?, url(api)?);
    let response = client.get(&overview, None).await?;
    let Overview { delayed_dumps } = serde_json::from_slice(&response.body).map_err(|error| {
        let message =
            format!("{} sent something that is no list of dumps ({error}); check the URL", Shown(&overview));
        Error::new(Kind::NotJson, message).because_of(error)
    })?;
    let promised = delayed_dumps.csv.ok_or_else(|| {
        let message = format!("{} names no CSV dump that is free; try again later", Shown(&overview));
        Error::new(Kind::NotPublished, message)
    })?;
    let sha256 = Some(promised.file_hash.to_ascii_lowercase());
    let metadata = vec![("source-url", url.to_string())];
    let body = once(download(client, url, promised, overview)).boxed_local();
    Ok(Document { metadata, sha256, ..Document::streamed(body) })
}

async fn download<R: Transport + Clock>(
    client: &Client<R>,
    url: Uri,
    promised: Promised,
    overview: Uri,
) -> Result<Vec<u8>> {
    let body = client.get(&url, None).await?.body;
    let (sha256, length) = (hex::encode(Sha256::digest(&body)), body.len());
    let Promised { file_hash, file_size } = promised;
    if length as u64 == file_size && sha256.eq_ignore_ascii_case(&file_hash) {
        return Ok(body);
    }
    let (url, overview) = (Shown(&url), Shown(&overview));
    let message = format!(
        "{url}: {length} bytes with SHA-256 {sha256} came, not the {file_size} with {file_hash} that {overview} promises; \
         try again later"
    );
    Err(Error::new(Kind::Unavailable, message))
}

/// A URL of Jolpica's that is not below the API, but beside it.
fn beside(api: &Uri, path: &str) -> Result<Uri> {
    let folder = super::document_url(api, "")?.to_string();
    let root = folder.strip_suffix("ergast/f1/").unwrap_or(&folder);
    format!("{root}{path}").parse().map_err(|error| {
        Error::new(Kind::NotFound, format!("{path} makes no URL ({error}); check --jolpica-url"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lies_beside_the_api() {
        for (api, root) in [
            ("https://api.jolpi.ca/ergast/f1/current/last/results.json", "https://api.jolpi.ca/"),
            ("http://127.0.0.1:80/api.jolpi.ca/ergast/f1/2024.json", "http://127.0.0.1:80/api.jolpi.ca/"),
        ] {
            let expected = format!("{root}data/dumps/download/delayed/?dump_type=csv");
            assert_eq!(url(&Uri::from_static(api)).unwrap(), expected.as_str());
        }
    }
}
