//! Sends the AWS SDK's requests with the host's own client: one TLS stack, one trust store, one set of proxies.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt, Limited};

use crate::pool::Pool;
use crate::profiles::Profiles;
use crate::trust::Peer;

/// How long a phase of a request may take if the SDK does not say.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many bytes of an answer are read: credentials are short.
pub const LONGEST: usize = 1 << 20;

/// A client for the SDK.
#[derive(Debug, Clone)]
pub struct Sender {
    pool: Arc<Pool>,
    /// Whether somebody took a connection and gave no answer, or none that ends.
    silence: Arc<AtomicBool>,
}

impl Sender {
    /// A client with connections of its own, to AWS as the profile that counts has it.
    pub fn new(profiles: &Profiles) -> Sender {
        Sender { pool: Pool::to(Peer::aws(profiles)).into(), silence: Arc::default() }
    }

    /// Whether somebody was there and gave no answer, or none that ends.
    pub fn met_silence(&self) -> bool {
        self.silence.load(Ordering::Relaxed)
    }
}

impl HttpClient for Sender {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let seconds = |timeout: Option<Duration>| timeout.unwrap_or(PATIENCE);
        let patience = seconds(settings.connect_timeout()) + seconds(settings.read_timeout());
        SharedHttpConnector::new(Connector { sender: self.clone(), patience })
    }
}

#[derive(Debug)]
struct Connector {
    sender: Sender,
    patience: Duration,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (Sender { pool, silence }, patience) = (self.sender.clone(), self.patience);
        HttpConnectorFuture::new(async move {
            let late = |_| {
                silence.store(true, Ordering::Relaxed);
                ConnectorError::timeout("no answer".into())
            };
            tokio::time::timeout(patience, send(&pool, &silence, request)).await.map_err(late)?
        })
    }
}

async fn send(
    pool: &Pool,
    silence: &AtomicBool,
    request: HttpRequest,
) -> Result<HttpResponse, ConnectorError> {
    let user = |error: Box<dyn Error + Send + Sync>| ConnectorError::user(error);
    let request = request.try_into_http1x().map_err(|error| user(error.into()))?;
    let is_tls = request.uri().scheme_str() == Some("https");
    // Metadata services are on the machine itself or next to it, where no proxy can reach them.
    let client = if is_tls { pool.client(request.uri()) } else { pool.direct() };
    let client = client.map_err(|error| user(error.to_string().into()))?;
    let request = request.map(|body| body.bytes().unwrap_or_default().to_vec());
    let request = reqwest::Request::try_from(request).map_err(|error| user(error.into()))?;
    let failed = |error: reqwest::Error| {
        silence.fetch_or(!error.is_connect(), Ordering::Relaxed);
        match error.is_timeout() {
            true => ConnectorError::timeout(error.into()),
            false => ConnectorError::io(error.into()),
        }
    };
    let response = client.execute(request).await.map_err(failed)?;
    let (parts, body) = http::Response::from(response).into_parts();
    let body = Limited::new(body, LONGEST).collect().await;
    let body = body.map_err(|error| {
        silence.store(true, Ordering::Relaxed);
        ConnectorError::io(error)
    })?;
    let body = body.to_bytes();
    let response = http::Response::from_parts(parts, SdkBody::from(body));
    HttpResponse::try_from(response).map_err(|error| user(error.into()))
}
