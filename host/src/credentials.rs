//! Credentials that the environment does not hold: profiles, SSO, web identity, container and instance
//! roles, in the order that AWS documents.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>
//!
//! They are looked for if the job needs them and has none, anew for each run. The component gets the result and
//! nothing else: keys that do not expire as variables; instead of keys that do, an endpoint that it can ask again and
//! again, and that answers in this process as a container's does on the network.

mod process;
mod sender;

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::{Result, anyhow};
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::imds;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_config::{Region, retry::RetryConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use chrono::{DateTime, SecondsFormat, Utc};
use f1_ingest_component::error::{Error, Kind};
use f1_ingest_component::job::Job;
use f1_ingest_component::s3::credentials::{CONTAINER_URL, EMBEDDED, Keys};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::json;
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use crate::profiles::Profiles;
use crate::variables::Variables;
use process::ProfileCredentials;
use sender::Sender;

const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
const TOKEN: &str = "AWS_SESSION_TOKEN";

/// Takes the environment's own credentials away: a profile that was asked for by name wins over them.
pub fn remove(variables: &mut Variables) {
    for name in [ACCESS_KEY, SECRET, TOKEN] {
        variables.remove(name);
    }
}

/// The variables of one run: as they are; or with the credentials that `job` lacks; or, if these expire, with the URL
/// of an endpoint, which is returned too. Fails if no place has credentials, or one of them fails.
pub async fn complete(
    profile: Option<&str>,
    variables: &Variables,
    job: &Job,
) -> Result<(Variables, Option<Endpoint>)> {
    let mut variables = variables.clone();
    if !job.lacks_credentials() && !may_compare(job) {
        return Ok((variables, None));
    }
    let Found { credentials, place, provider } = match find(profile, &job.bucket.region).await {
        Err(_) if job.dry_run => return Ok((variables, None)),
        found => found?,
    };
    let mut set = |name: &str, value: &str| drop(variables.insert(name.to_owned(), value.to_owned()));
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

/// Whether a dry run could say more if it had credentials.
fn may_compare(job: &Job) -> bool {
    let lacks = matches!(job.bucket.keys, Keys::Nowhere) && !job.bucket.unsigned;
    job.dry_run && job.asks_store() && lacks
}

/// Credentials, which of the places below they are from, and what provides newer ones.
pub struct Found {
    pub credentials: Credentials,
    pub place: &'static str,
    provider: SharedCredentialsProvider,
}

/// Answers a guest as a container's endpoint does on the network.
pub struct Endpoint {
    /// What was found for the run: the first answer.
    first: Mutex<Option<Credentials>>,
    place: &'static str,
    provider: SharedCredentialsProvider,
}

impl Endpoint {
    /// The credentials as JSON, renewed for every answer but the first; a 502 that says why if there are none.
    pub async fn answer(&self) -> Result<Response<WasiBody>, HttpError> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let credentials = match first {
            Some(first) => Ok(first),
            None => credentials(self.place, &self.provider).await.and_then(|newer| {
                newer.ok_or_else(|| anyhow!("the {} has no credentials any more", self.place))
            }),
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

/// Asks one place after the other: the profile, web identity, the container's role, the instance's role. One that is
/// not configured is passed over; one that is configured and fails ends the search, because a fall-back to somebody
/// else's credentials would be a surprise. Fails, as wrong usage, if none has any.
///
/// `region` is that of the STS that is asked for the session of a role.
pub async fn find(profile: Option<&str>, region: &str) -> Result<Found> {
    let profiles = Profiles::read(profile)?;
    let sender = Sender::new(&profiles);
    let config = ProviderConfig::empty()
        .with_region(Some(Region::new(region.to_owned())))
        .with_http_client(sender.clone())
        .with_time_source(aws_smithy_async::time::SystemTimeSource::new())
        .with_sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new())
        .with_retry_config(RetryConfig::standard());
    if let Some((files, name)) = profiles.for_sdk() {
        let profile = ProfileCredentials { files, name, config: config.clone() };
        if let Some(found) = ask("profile", profile).await? {
            return Ok(found);
        }
    }
    if profiles.is_named() {
        let message =
            format!("the profile {} has no credentials: correct ~/.aws/config or the name", profiles.name());
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
    // One attempt, as botocore makes: whoever is not on an instance should not have to wait.
    let client = imds::Client::builder().configure(&config).max_attempts(1).build();
    let instance = ImdsCredentialsProvider::builder().configure(&config).imds_client(client).build();
    if let Some(found) = ask("instance role", instance).await? {
        return Ok(found);
    }
    if sender.met_silence() {
        return Err(Error::new(Kind::Unavailable, SILENT).into());
    }
    Err(Error::usage(NONE).into())
}

const SILENT: &str = "no credentials from the instance role: its metadata service takes connections but gives no answer; \
     try again, or set AWS_EC2_METADATA_DISABLED=true if this is no instance";

const NONE: &str = "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give --profile, or run where \
     there is a role (AWS_WEB_IDENTITY_TOKEN_FILE, container, instance); --no-sign-request does without";

/// What one place has; none if it is not configured.
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

/// An error and its causes, in one line.
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
