//! The body of a response, in chunks: decoded, and checked for its length.

use std::io;

use futures_util::stream::StreamExt;
use http::header::{CONTENT_ENCODING, ETAG, HeaderValue};
use http::{HeaderMap, Method, StatusCode, Uri};

use crate::error::{Error, Kind, Result};
use crate::http::failure::{Failed, network, not_sent};
use crate::http::gzip::Gunzip;
use crate::http::refusal::BEGINNING;
use crate::http::transport::{Chunks, Response};
use crate::http::url::Shown;

/// Takes a document chunk by chunk.
pub trait Sink {
    /// The document begins, for the first time or anew: what came before is void.
    fn begin(&mut self);
    fn push(&mut self, chunk: &[u8]);
    /// Whether what came ends in the middle, as far as the sink can tell. Asked if nothing else tells.
    fn is_cut(&self) -> bool {
        false
    }
}

impl Sink for Vec<u8> {
    fn begin(&mut self) {
        self.clear();
    }

    fn push(&mut self, chunk: &[u8]) {
        self.extend_from_slice(chunk);
    }
}

/// A body on its way: decoded, and checked for its length.
pub struct Incoming {
    /// Where it comes from, redirects followed.
    url: Uri,
    chunks: Chunks,
    /// How many bytes have come, and how many there are, as sent: before they are decoded.
    received: u64,
    length: Option<u64>,
    /// The `ETag`, if it is a strong one: only that tells that a body is the same byte for byte.
    etag: Option<HeaderValue>,
    gzip: Option<Gunzip>,
    is_gzip: bool,
}

impl Incoming {
    pub fn new(url: Uri, response: Response<Chunks>) -> Result<Incoming> {
        let codings = codings(&response.headers);
        let gzip = match codings.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] => None,
            ["gzip" | "x-gzip"] => Some(Gunzip::default()),
            _ => {
                let codings = codings.join(", ");
                let message =
                    format!("{}: the body is encoded as {codings}, which was not asked for", Shown(&url));
                return Err(Error::new(Kind::NotJson, message));
            }
        };
        let length = declared_length(&response);
        let etag = response.headers.get(ETAG).filter(|etag| etag.as_bytes().starts_with(b"\"")).cloned();
        let is_gzip = gzip.is_some();
        Ok(Incoming { is_gzip, url, chunks: response.body, received: 0, length, etag, gzip })
    }

    /// Bytes that have come, as sent: before they are decoded.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Whether a body that was cut with its connection would be noticed: by its length, or its encoding.
    pub fn has_known_end(&self) -> bool {
        self.length.is_some() || self.is_gzip
    }

    /// It ends in the middle, and the connection with it.
    pub fn cut(&self) -> Failed {
        network(&self.url, "the response ends in the middle of a line")
    }

    /// What tells whether another response has the same bytes.
    pub fn etag(&self) -> Option<HeaderValue> {
        self.etag.clone()
    }

    /// Goes on with the rest, out of another response.
    pub fn go_on(&mut self, chunks: Chunks) {
        self.chunks = chunks;
    }

    /// The next chunk, None at the end. Fails if the body breaks off, is too short or damaged.
    pub async fn next(&mut self) -> std::result::Result<Option<Vec<u8>>, Failed> {
        let damaged = |url: &Uri, why: io::Error| {
            network(url, &format!("the gzip body is damaged or cut short ({why})"))
        };
        while let Some(chunk) = self.chunks.next().await {
            let chunk = chunk.map_err(|error| not_sent(&self.url, error))?;
            self.received += chunk.len() as u64;
            let Some(gzip) = &mut self.gzip else { return Ok(Some(chunk)) };
            let decoded = gzip.decode(&chunk).map_err(|why| damaged(&self.url, why))?;
            if !decoded.is_empty() {
                return Ok(Some(decoded));
            }
        }
        if let Some(missing) = self.length.and_then(|length| length.checked_sub(self.received))
            && missing > 0
        {
            let why = format!("the response was cut short, {missing} bytes are missing");
            return Err(network(&self.url, &why));
        }
        match self.gzip.take() {
            None => Ok(None),
            Some(gzip) => gzip.finish().map(Some).map_err(|why| damaged(&self.url, why)),
        }
    }
}

/// What a body is encoded as. Anything else in `Content-Encoding` (`identity`, `none`, `utf-8`, the `aws-chunked` that
/// S3 stores keep of an upload) is no coding of the body, and passed over, as by Python's requests.
fn codings(headers: &HeaderMap) -> Vec<String> {
    const CODINGS: [&str; 8] = ["gzip", "x-gzip", "deflate", "compress", "x-compress", "br", "zstd", "dcb"];
    let values = headers.get_all(CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let named = values.flat_map(|value| value.split(',')).map(|coding| coding.trim().to_ascii_lowercase());
    named.filter(|coding| CODINGS.contains(&coding.as_str())).collect()
}

/// `Content-Length`, if there is one.
pub fn declared_length<B>(response: &Response<B>) -> Option<u64> {
    response.header("content-length")?.parse().ok()
}

/// How many bytes a response lacks of its `Content-Length`.
pub fn missing_bytes(response: &Response, method: &Method) -> Option<u64> {
    if method == Method::HEAD || response.status == StatusCode::NO_CONTENT {
        return None;
    }
    declared_length(response)?.checked_sub(response.body.len() as u64).filter(|missing| *missing > 0)
}

/// Reads the body of a refusal, which is short: its connection can be used again then, and who records it has it whole.
/// Gives its beginning, decoded as far as it can be.
pub async fn beginning(response: &mut Response<Chunks>) -> Vec<u8> {
    let mut begin = Vec::new();
    for _ in 0..16 {
        let Some(Ok(chunk)) = response.body.next().await else { break };
        let room = BEGINNING.saturating_sub(begin.len()).min(chunk.len());
        begin.extend(&chunk[..room]);
    }
    match codings(&response.headers).iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["gzip" | "x-gzip"] => {
            let mut gzip = Gunzip::default();
            // Of each piece, what came before it is sure to be decoded.
            let pieces = begin.chunks(256).map_while(|piece| gzip.decode(piece).ok());
            let mut decoded: Vec<u8> = pieces.flatten().collect();
            decoded.extend(gzip.finish().unwrap_or_default());
            decoded.truncate(BEGINNING);
            decoded
        }
        _ => begin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_coding_of_the_body_is_passed_over() {
        let codings = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            codings(&headers)
        };
        for plain in ["", "identity", "aws-chunked", "UTF-8", "none", "aws-chunked, identity", ",", "binary"]
        {
            assert!(codings(&[plain]).is_empty(), "{plain}");
        }
        for gzip in [&["gzip"][..], &["AWS-Chunked,GZIP"], &["gzip , aws-chunked"], &["aws-chunked", "gzip"]]
        {
            assert_eq!(codings(gzip), ["gzip"]);
        }
        assert_eq!(codings(&["br", "gzip"]), ["br", "gzip"]);
    }
}
