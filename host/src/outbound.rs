//! Every request that leaves the sandbox comes through here: refused, answered by the embedded store or
//! from a recording, or sent, and then recorded where that was asked for.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use f1_ingest_component::log::Log;
use f1_ingest_component::options::EMBEDDED_STORE;
use f1_ingest_component::s3::credentials::EMBEDDED;
use http::uri::Authority;
use http::{Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::credentials::Endpoint;
use crate::pool::{Incoming, Pool};
use crate::progress::Progress;
use crate::recording::{Recorder, Recordings, Take};
use crate::source::Sources;
use crate::store::Store;

/// Where a run's requests may go, and what becomes of them.
pub struct Outbound {
    /// `host[:port]` of everything that the run may reach.
    pub allowed: Vec<String>,
    /// `host[:port]` of the job's S3: never replayed, never recorded.
    pub s3: Option<String>,
    pub store: Option<Store>,
    /// What answers for [`EMBEDDED`], where the run's credentials expire.
    pub credentials: Option<Endpoint>,
    pub replay: Option<Recordings>,
    pub record: Option<Arc<Recorder>>,
    pub pool: Pool,
    pub progress: Progress,
    pub sources: Sources,
    pub log: Log,
    /// Hosts that were refused, so that each is said once.
    pub refused: Mutex<HashSet<String>>,
}

impl Outbound {
    /// Sends a request of the job's, or answers it.
    pub async fn answer(
        &self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        let is_upstream = !self.s3.as_ref().is_some_and(|s3| covers(s3, request.uri()));
        let source = self.sources.next(request.uri(), is_upstream);
        let transfer = self.progress.begin(source, request.method(), request.uri());
        let request = request.map(|body| transfer.counted(body));
        let response = self.routed(request, options, is_upstream).await?;
        Ok(response.map(|body| transfer.counted(body)))
    }

    async fn routed(
        &self,
        request: Request<WasiBody>,
        options: RequestOptions,
        is_upstream: bool,
    ) -> Result<Response<WasiBody>, Error> {
        let authority = request.uri().authority().ok_or(Error::HttpRequestUriInvalid)?.clone();
        if let Some(store) = &self.store
            && authority == EMBEDDED_STORE
        {
            return store.call(request).await;
        }
        if let Some(credentials) = &self.credentials
            && authority == EMBEDDED
        {
            return credentials.answer().await;
        }
        if !self.allowed.iter().any(|allowed| covers(allowed, request.uri())) {
            self.refuse(request, &authority);
            return Err(Error::HttpRequestDenied);
        }
        let url = request.uri().to_string();
        if let Some(recordings) = self.replay.as_ref().filter(|_| is_upstream) {
            let answer =
                recordings.answer(&url).map_err(|error| Error::InternalError(Some(format!("{error:#}"))));
            return answer.map(|response| response.map(|body| body.map_err(io).boxed_unsync()));
        }
        let is_document = request.method() == http::Method::GET && !request.headers().contains_key("range");
        let response = self.pool.send(request, options).await?;
        let recorder = self.record.as_ref().filter(|_| is_upstream && is_document);
        let Some(recorder) = recorder else { return Ok(response.map(BodyExt::boxed_unsync)) };
        let take = recorder.start(&url, response.status(), response.headers()).map_err(not_recorded)?;
        Ok(response.map(|body| Recorded { body, take: Some(take) }.boxed_unsync()))
    }

    /// Says once per host what was refused, and takes the body off the guest's hands: left alone, an
    /// uploading guest would see a closed stream instead of the refusal.
    fn refuse(&self, request: Request<WasiBody>, host: &Authority) {
        let is_new = self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_string());
        if is_new {
            let why =
                format!("refused to reach {host}: this run does not need it; --allow {host} permits it");
            self.progress.aside(|| self.log.warn(&why));
        }
        let mut body = request.into_body();
        tokio::spawn(async move { while let Some(Ok(_)) = body.frame().await {} });
    }
}

/// Whether `allowed`, a `host` or `host:port`, covers a URL. Without a port it stands for the scheme's own;
/// a `*` in place of a label stands for any one.
fn covers(allowed: &str, url: &Uri) -> bool {
    let Ok(allowed) = allowed.parse::<Authority>() else { return false };
    let own = match url.scheme_str() {
        Some("https") => 443,
        _ => 80,
    };
    let same_host = |host: &str| {
        let (labels, allowed) = (host.split('.'), allowed.host().split('.'));
        labels.clone().count() == allowed.clone().count()
            && labels
                .zip(allowed)
                .all(|(label, allowed)| allowed == "*" || label.eq_ignore_ascii_case(allowed))
    };
    url.host().is_some_and(same_host) && url.port_u16().unwrap_or(own) == allowed.port_u16().unwrap_or(own)
}

fn io(error: std::io::Error) -> Error {
    Error::InternalError(Some(error.to_string()))
}

fn not_recorded(error: anyhow::Error) -> Error {
    Error::InternalError(Some(format!("{error:#}")))
}

/// The body of a response on its way to the guest, recorded.
struct Recorded {
    body: Incoming,
    take: Option<Take>,
}

impl Body for Recorded {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else { return Poll::Pending };
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(take), Some(data)) = (&mut self.take, frame.data_ref())
                    && let Err(error) = take.write(data)
                {
                    return Poll::Ready(Some(Err(not_recorded(error))));
                }
            }
            Some(Err(_)) => self.take = None,
            None => {}
        }
        // Whoever reads may stop at the last byte and not ask for the end.
        let at_the_end = frame.is_none() || self.body.is_end_stream();
        if at_the_end
            && let Some(take) = self.take.take()
            && let Err(error) = take.finish()
        {
            return Poll::Ready(Some(Err(not_recorded(error))));
        }
        Poll::Ready(frame)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    fn is_end_stream(&self) -> bool {
        self.take.is_none() && self.body.is_end_stream()
    }
}

/// What wasmtime calls for each request of a guest.
#[derive(Clone)]
pub struct Hooks(pub Arc<Outbound>);

type Sent = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        let outbound = self.0.clone();
        Box::new(async move {
            let response = outbound.answer(request, options.unwrap_or_default()).await?;
            Ok((response, Box::new(async { Ok(()) }) as Box<_>))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_allowed_at_the_port_that_was_named() {
        let covers = |allowed: &str, url: &str| covers(allowed, &url.parse().unwrap());
        assert!(covers("api.example", "https://api.example/x"));
        assert!(covers("api.example", "http://API.example/x"));
        assert!(covers("api.example:443", "https://api.example/x"));
        assert!(covers("127.0.0.1:9000", "http://127.0.0.1:9000/x"));
        assert!(covers("[::1]:9000", "http://[::1]:9000/x"));
        assert!(covers("lake.s3.*.amazonaws.com", "https://lake.s3.eu-west-1.amazonaws.com/x"));
        assert!(!covers("lake.s3.*.amazonaws.com", "https://lake.s3.a.b.amazonaws.com/x"));
        assert!(!covers("lake.s3.*.amazonaws.com", "https://other.s3.eu-west-1.amazonaws.com/x"));
        assert!(!covers("api.example", "https://api.example:8443/x"));
        assert!(!covers("api.example:443", "http://api.example/x"));
        assert!(!covers("api.example", "https://api.example.evil/x"));
        assert!(!covers("api.example", "https://evil-api.example/x"));
        assert!(!covers("api.example", "https://api.example@evil.example/x"));
        assert!(!covers("", "https://api.example/"));
    }
}
