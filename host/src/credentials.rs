//! Credentials that the environment does not hold: profiles, SSO, web identity, container and instance
//! roles, in the order that AWS documents.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>
//!
//! They are looked for where the job needs them and has none, anew for each run. The component gets the result and
//! nothing else: keys that do not expire as variables; of those that do, an endpoint to ask, again and again, which
//! answers in this process as a container's does on the network.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Result, anyhow};
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::imds;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::region::ProvideRegion;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_config::{Region, retry::RetryConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use chrono::{DateTime, SecondsFormat, Utc};
use f1_ingest_component::error::{Error, Kind};
use f1_ingest_component::options::Job;
use f1_ingest_component::s3::credentials::{CONTAINER_URL, EMBEDDED};
use futures_util::FutureExt;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::json;
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use crate::options::HostOptions;
use crate::pool::Pool;
use crate::run::Variables;

const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
const TOKEN: &str = "AWS_SESSION_TOKEN";

/// Takes the environment's own credentials away where a profile was asked for by name: it wins over them.
pub fn drop_for_profile(host: &HostOptions, variables: &mut Variables) {
    if host.profile.is_some() {
        variables.retain(|(name, _)| ![ACCESS_KEY, SECRET, TOKEN].contains(&name.as_str()));
    }
}

/// The variables of one run: as they are, or with the credentials that `job` lacks, or where to ask for them.
pub async fn complete(
    host: &HostOptions,
    variables: &Variables,
    job: &Job,
) -> Result<(Variables, Option<Endpoint>)> {
    let mut variables = variables.clone();
    if !job.lacks_credentials() {
        return Ok((variables, None));
    }
    let Found { credentials, place, provider } = find(host.profile.as_deref(), &job.bucket.region).await?;
    let mut set = |name: &str, value: &str| variables.push((name.to_owned(), value.to_owned()));
    if credentials.expiry().is_some() {
        set(CONTAINER_URL, &format!("http://{EMBEDDED}/"));
        let first = Mutex::new(Some(credentials));
        return Ok((variables, Some(Endpoint { first, place, provider })));
    }
    set(ACCESS_KEY, credentials.access_key_id());
    set(SECRET, credentials.secret_access_key());
    if let Some(token) = credentials.session_token() {
        set(TOKEN, token);
    }
    Ok((variables, None))
}

/// Credentials, which of the places below they are from, and who has newer ones.
pub struct Found {
    pub credentials: Credentials,
    pub place: &'static str,
    provider: SharedCredentialsProvider,
}

/// Answers a guest as a container's endpoint does.
pub struct Endpoint {
    /// What was found for the run, for the first who asks.
    first: Mutex<Option<Credentials>>,
    place: &'static str,
    provider: SharedCredentialsProvider,
}

impl Endpoint {
    pub async fn answer(&self) -> Result<Response<WasiBody>, HttpError> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let credentials = match first {
            Some(first) => Ok(first),
            None => credentials(self.place, &self.provider)
                .await
                .and_then(|newer| newer.ok_or_else(|| anyhow!("the {} has none any more", self.place))),
        };
        let (status, body) = match credentials {
            Ok(credentials) => (StatusCode::OK, answer(&credentials)),
            Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")),
        };
        let mut response = Response::new(Full::from(body).map_err(|never| match never {}).boxed_unsync());
        *response.status_mut() = status;
        Ok(response)
    }
}

/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>
fn answer(credentials: &Credentials) -> String {
    let instant = |expiry| DateTime::<Utc>::from(expiry).to_rfc3339_opts(SecondsFormat::Secs, true);
    let answer = json!({
        "AccessKeyId": credentials.access_key_id(),
        "SecretAccessKey": credentials.secret_access_key(),
        "Token": credentials.session_token(),
        "Expiration": credentials.expiry().map(instant),
    });
    answer.to_string()
}

/// The region that the profile names.
pub fn region(profile: Option<&str>) -> Option<String> {
    let mut provider = ProfileFileRegionProvider::builder().configure(&ProviderConfig::empty());
    if let Some(name) = profile {
        provider = provider.profile_name(name);
    }
    // It reads files, and waits for nothing.
    Some(provider.build().region().now_or_never()??.to_string())
}

/// Asks one place after the other. One that is not configured is passed over; one that is and fails ends
/// the search, as a fall-back to somebody else's credentials would surprise.
///
/// `region` is that of the STS that is asked for the session of a role.
pub async fn find(profile: Option<&str>, region: &str) -> Result<Found> {
    let config = ProviderConfig::empty()
        .with_region(Some(Region::new(region.to_owned())))
        .with_http_client(Sender(Pool::default().into()))
        .with_time_source(aws_smithy_async::time::SystemTimeSource::new())
        .with_sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new())
        .with_retry_config(RetryConfig::standard());
    let mut profiles = ProfileFileCredentialsProvider::builder().configure(&config);
    if let Some(name) = profile {
        profiles = profiles.profile_name(name);
    }
    if let Some(found) = ask("profile", profiles.build()).await? {
        return Ok(found);
    }
    if let Some(name) = profile {
        let message =
            format!("the profile {name} is not in ~/.aws/config or has no credentials: correct --profile");
        return Err(Error::usage(message).into());
    }
    let web_identity = WebIdentityTokenCredentialsProvider::builder().configure(&config).build();
    if let Some(found) = ask("web identity", web_identity).await? {
        return Ok(found);
    }
    let container = EcsCredentialsProvider::builder().configure(&config).build();
    if let Some(found) = ask("container role", container).await? {
        return Ok(found);
    }
    // Once: whoever is on no instance should not wait for it. (botocore's defaults)
    let client = imds::Client::builder().configure(&config).max_attempts(1).build();
    let instance = ImdsCredentialsProvider::builder().configure(&config).imds_client(client).build();
    if let Some(found) = ask("instance role", instance).await? {
        return Ok(found);
    }
    Err(Error::usage(NONE).into())
}

const NONE: &str = "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give --profile, or run where \
     there is a role (AWS_WEB_IDENTITY_TOKEN_FILE, container, instance); --no-sign-request does without";

/// What one place has; None where it is not configured.
async fn ask(place: &'static str, provider: impl ProvideCredentials + 'static) -> Result<Option<Found>> {
    let provider = SharedCredentialsProvider::new(provider);
    let credentials = credentials(place, &provider).await?;
    Ok(credentials.map(|credentials| Found { credentials, place, provider }))
}

async fn credentials(
    place: &'static str,
    provider: &SharedCredentialsProvider,
) -> Result<Option<Credentials>> {
    match provider.provide_credentials().await {
        Ok(credentials) => match credentials.expiry().filter(|expiry| *expiry <= SystemTime::now()) {
            None => Ok(Some(credentials)),
            Some(_) => {
                let message = format!("the credentials from the {place} have expired: renew them");
                Err(Error::new(Kind::Credentials, message).into())
            }
        },
        Err(error @ CredentialsError::CredentialsNotLoaded(_)) => {
            tracing::debug!("no credentials from the {place}: {}", causes(&error));
            Ok(None)
        }
        Err(error) => {
            let message = format!("no credentials from the {place}: {}", causes(&error));
            Err(Error::new(Kind::Credentials, message).into())
        }
    }
}

/// An error and what caused it, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text
}

/// Sends the SDK's requests with the host's own client: one TLS stack, one trust store, one set of proxies.
#[derive(Debug, Clone)]
struct Sender(std::sync::Arc<Pool>);

impl HttpClient for Sender {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let seconds = |timeout: Option<Duration>| timeout.unwrap_or(Duration::from_secs(10));
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
        let (pool, patience) = (self.sender.0.clone(), self.patience);
        HttpConnectorFuture::new(async move {
            let late = |_| ConnectorError::timeout("no answer".into());
            tokio::time::timeout(patience, send(&pool, request)).await.map_err(late)?
        })
    }
}

async fn send(pool: &Pool, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let user = |error: Box<dyn std::error::Error + Send + Sync>| ConnectorError::user(error);
    let request = request.try_into_http1x().map_err(|error| user(error.into()))?;
    let is_tls = request.uri().scheme_str() == Some("https");
    // Metadata services are next door: no proxy can reach them.
    let client = if is_tls { pool.client(true) } else { pool.direct() };
    let client = client.map_err(|error| user(error.to_string().into()))?;
    let request = request.map(|body| body.bytes().unwrap_or_default().to_vec());
    let request = reqwest::Request::try_from(request).map_err(|error| user(error.into()))?;
    let failed = |error: reqwest::Error| match error.is_timeout() {
        true => ConnectorError::timeout(error.into()),
        false => ConnectorError::io(error.into()),
    };
    let response = client.execute(request).await.map_err(failed)?;
    let (parts, body) = http::Response::from(response).into_parts();
    let body = body.collect().await.map_err(failed)?.to_bytes();
    let response = http::Response::from_parts(parts, SdkBody::from(body));
    HttpResponse::try_from(response).map_err(|error| user(error.into()))
}
