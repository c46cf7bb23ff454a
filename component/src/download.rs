//! Documents that come in chunks: decoded, checked for their length, and continued where they break off.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use futures_util::stream::StreamExt;
use http::header::{ETAG, HeaderMap, HeaderValue, IF_RANGE, RANGE};
use http::{StatusCode, Uri};

use crate::client::{Client, network};
use crate::error::{Error, Kind, Result};
use crate::retry::{Failed, RETRIES, backoff};
use crate::runtime::{Chunks, Clock, Response, SendError, Transport};

/// Takes a document chunk by chunk.
pub trait Sink {
    /// The document begins, for the first time or anew: what came before is void.
    fn begin(&mut self);
    fn push(&mut self, chunk: &[u8]);
}

impl Sink for Vec<u8> {
    fn begin(&mut self) {
        self.clear();
    }

    fn push(&mut self, chunk: &[u8]) {
        self.extend_from_slice(chunk);
    }
}

/// A body on its way.
pub struct Incoming {
    /// Where it comes from, redirects followed.
    url: Uri,
    chunks: Chunks,
    /// How many bytes have come, and how many there are, as sent: before they are decoded.
    received: u64,
    length: Option<u64>,
    /// The `ETag` where it is a strong one: only that tells that a body is the same byte for byte.
    etag: Option<HeaderValue>,
    gzip: Option<MultiGzDecoder<Vec<u8>>>,
}

impl Incoming {
    pub fn new(url: Uri, response: Response<Chunks>) -> Result<Incoming> {
        let encoding = response.header("content-encoding").unwrap_or("identity").to_ascii_lowercase();
        let gzip = match encoding.as_str() {
            "identity" | "" => None,
            "gzip" | "x-gzip" => Some(MultiGzDecoder::new(Vec::new())),
            other => {
                let message = format!("{url}: the body is encoded as {other}, which was not asked for");
                return Err(Error::new(Kind::NotJson, message));
            }
        };
        let length = declared_length(&response);
        let etag = response.headers.get(ETAG).filter(|etag| etag.as_bytes().starts_with(b"\"")).cloned();
        Ok(Incoming { url, chunks: response.body, received: 0, length, etag, gzip })
    }

    /// The next chunk, None at the end. Fails where the body breaks off, is too short or damaged.
    pub async fn next(&mut self) -> std::result::Result<Option<Vec<u8>>, Failed> {
        let damaged = |url: &Uri, why: io::Error| {
            network(url, &format!("the gzip body is damaged or cut short ({why})"))
        };
        while let Some(chunk) = self.chunks.next().await {
            let chunk = chunk.map_err(|error| match error {
                SendError::Network(why) => network(&self.url, &why),
                SendError::Denied => network(&self.url, "the sandbox ended the response"),
            })?;
            self.received += chunk.len() as u64;
            let Some(gzip) = &mut self.gzip else { return Ok(Some(chunk)) };
            gzip.write_all(&chunk).map_err(|why| damaged(&self.url, why))?;
            if !gzip.get_ref().is_empty() {
                return Ok(Some(std::mem::take(gzip.get_mut())));
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

/// `Content-Length`, where there is one.
pub fn declared_length<B>(response: &Response<B>) -> Option<u64> {
    response.header("content-length")?.parse().ok()
}

/// A document that is handed on as it comes, so that it cannot be begun anew.
pub struct Download<'a, R> {
    client: &'a Client<R>,
    url: Uri,
    bearer: Option<&'a str>,
    incoming: Incoming,
    /// How often it has broken off since its last chunk.
    broken: u32,
}

impl<'a, R: Transport + Clock> Download<'a, R> {
    /// As [`Client::get`], but waits for no more than the head of the response.
    pub async fn start(client: &'a Client<R>, url: &Uri, bearer: Option<&'a str>) -> Result<Self> {
        let incoming = client
            .retry(async || {
                let (target, response) = client.open(url, bearer, &HeaderMap::new()).await?;
                Ok(Incoming::new(target, response)?)
            })
            .await?;
        Ok(Download { client, url: url.clone(), bearer, incoming, broken: 0 })
    }

    /// The next chunk, None at the end. What breaks off is asked for from there on; fails where the upstream
    /// cannot give that, or keeps breaking off.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            let error = match self.incoming.next().await {
                Ok(chunk) => {
                    self.broken = 0;
                    return Ok(chunk);
                }
                Err(failed) => failed.error,
            };
            if self.broken == RETRIES {
                return Err(error);
            }
            let wait = backoff(self.broken, self.client.runtime.random());
            self.client.log.warn(&format!("{error}; going on from there in {:.1} s", wait.as_secs_f32()));
            self.client.runtime.sleep(wait).await;
            self.broken += 1;
            self.go_on(error).await?;
        }
    }

    /// Asks for the rest (RFC 9110, 13.1.5 and 14.2): of the same bytes, or there is none.
    async fn go_on(&mut self, error: Error) -> Result<()> {
        let from = self.incoming.received;
        let mut headers = HeaderMap::new();
        if from > 0 {
            let Some(etag) = self.incoming.etag.clone() else { return Err(error) };
            let range = HeaderValue::try_from(format!("bytes={from}-")).map_err(|_| error.clone())?;
            headers.extend([(IF_RANGE, etag), (RANGE, range)]);
        }
        let open = async || self.client.open(&self.url, self.bearer, &headers).await;
        let (target, response) = self.client.retry(open).await?;
        if from == 0 {
            self.incoming = Incoming::new(target, response)?;
            return Ok(());
        }
        let range = response.header("content-range").unwrap_or_default();
        let continues = range.starts_with(&format!("bytes {from}-"));
        if response.status != StatusCode::PARTIAL_CONTENT || !continues {
            return Err(error);
        }
        self.incoming.chunks = response.body;
        Ok(())
    }
}
