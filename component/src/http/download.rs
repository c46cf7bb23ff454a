//! A document that is handed on as it comes, and continued from the byte at which it breaks off.

use http::header::{HeaderMap, HeaderValue, IF_RANGE, RANGE};
use http::{StatusCode, Uri};

use crate::error::{Error, Result};
use crate::http::body::Incoming;
use crate::http::client::Client;
use crate::http::retry::{RETRIES, backoff};
use crate::http::transport::{Clock, Transport};

/// A document on its way. What was handed on cannot be taken back, so it is never begun anew.
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

    /// The next chunk, None at the end. What breaks off is asked for from there on; fails if the upstream
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
            let log = self.client.log.with(error.fields()).with([("attempt", (self.broken + 1).into())]);
            log.warn(&format!("{error}; going on from there in {:.1} s", wait.as_secs_f32()));
            self.client.runtime.sleep(wait).await;
            self.broken += 1;
            self.go_on(error).await?;
        }
    }

    /// Why the document is not whole, if it ends in the middle (`is_cut`) and nothing else has told.
    pub fn cut(&self, is_cut: bool) -> Option<Error> {
        (is_cut && !self.incoming.has_known_end()).then(|| self.incoming.cut().error)
    }

    /// Asks for the rest (RFC 9110, 13.1.5 and 14.2): of the same bytes, or there is none.
    async fn go_on(&mut self, error: Error) -> Result<()> {
        let from = self.incoming.received();
        let mut headers = HeaderMap::new();
        if from > 0 {
            let Some(etag) = self.incoming.etag() else { return Err(error) };
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
        self.incoming.go_on(response.body);
        Ok(())
    }
}
