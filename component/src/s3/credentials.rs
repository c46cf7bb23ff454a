//! Whose keys sign the requests: those in the environment, or those of the role of the container that the job runs
//! in, asked for again before they expire.
//!
//! A container's endpoint (ECS, EKS Pod Identity) is asked from here, so that any runtime will do. Our host looks
//! everywhere else as well, and answers as such an endpoint where what it finds expires.
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>

use aws_credential_types::Credentials;
use chrono::DateTime;
use f1_ingest_feeds::value::Json;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http::{Method, StatusCode, Uri};

use crate::error::{Error, Kind, Result};
use crate::http::client::Client;
use crate::http::transport::{Clock, Request, Transport};
use crate::http::url::Shown;

/// Where our host answers as a container's endpoint does: not on the network.
pub const EMBEDDED: &str = "credentials.f1-ingest.internal";
/// The variable that names a container's endpoint.
pub const CONTAINER_URL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";

/// Where the keys are.
#[derive(Debug)]
pub enum Keys {
    Given(Credentials),
    Container(Uri, Option<Token>),
    Nowhere,
}

/// What a container's endpoint wants to see.
#[derive(Debug)]
pub enum Token {
    Text(HeaderValue),
    /// A file that holds it, and another one later.
    File(String),
}

impl Keys {
    /// Reads the environment, in AWS's order.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Keys> {
        let (id, secret) = (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"));
        match (id, secret) {
            (Some(id), Some(secret)) => {
                let token = variable("AWS_SESSION_TOKEN");
                return Ok(Keys::Given(Credentials::new(id, secret, token, None, "environment")));
            }
            (None, None) => {}
            (None, Some(_)) => {
                return Err(Error::usage("AWS_SECRET_ACCESS_KEY is set but AWS_ACCESS_KEY_ID is not"));
            }
            (Some(_), None) => {
                return Err(Error::usage("AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is not"));
            }
        }
        let relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        let container = relative.map(|path| format!("http://169.254.170.2{path}"));
        if let Some(text) = container.or_else(|| variable(CONTAINER_URL)) {
            let url = text.parse().ok().filter(may_have_the_token);
            let url = url.ok_or_else(|| {
                Error::usage(format!(
                    "{CONTAINER_URL}: {text} is neither https nor this machine or its container's"
                ))
            })?;
            let file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(Token::File);
            let text = || variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(|text| secret_value(&text));
            let token = file.map(Ok).or_else(|| Some(text()?.map(Token::Text)));
            return Ok(Keys::Container(url, token.transpose()?));
        }
        Ok(Keys::Nowhere)
    }
}

/// Whether a container's token may go to a URL.
fn may_have_the_token(url: &Uri) -> bool {
    let Some(host) = url.host() else { return false };
    let is_loopback = host.starts_with("127.") && host.bytes().all(|b| b == b'.' || b.is_ascii_digit());
    let is_near = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "[::1]", "localhost", EMBEDDED];
    match url.scheme_str() {
        Some("https") => true,
        Some("http") => is_loopback || is_near.contains(&host),
        _ => false,
    }
}

/// A header's value that no `Debug` shows.
fn secret_value(text: &str) -> Result<HeaderValue> {
    let value = HeaderValue::try_from(text.trim());
    let mut value = value.map_err(|_| Error::usage("a token holds what no header can"))?;
    value.set_sensitive(true);
    Ok(value)
}

impl Token {
    fn value(&self) -> Result<HeaderValue> {
        match self {
            Token::Text(value) => Ok(value.clone()),
            Token::File(path) => {
                let text = std::fs::read_to_string(path).map_err(|e| {
                    let message = format!("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE {path}: {e}");
                    Error::new(Kind::Credentials, message)
                })?;
                secret_value(&text).map_err(|error| Error::new(Kind::Credentials, error.message))
            }
        }
    }
}

/// Keys, and when they expire, in unix seconds.
pub type Expiring = (Credentials, i64);

/// Asks a container's endpoint for its role's keys. Once: it is next door.
pub async fn ask<R: Transport + Clock>(
    client: &Client<R>,
    url: &Uri,
    token: &Option<Token>,
) -> Result<Expiring> {
    let mut headers = HeaderMap::new();
    if let Some(token) = token {
        headers.insert(AUTHORIZATION, token.value()?);
    }
    let request = Request { method: Method::GET, url: url.clone(), headers, body: None };
    let response = client.send(&request).await.map_err(|failed| failed.error)?;
    let mut json = Json::default();
    if response.status == StatusCode::OK
        && let Some(answer) = json.read_bytes(&response.body)
    {
        let [id, secret, token] =
            ["AccessKeyId", "SecretAccessKey", "Token"].map(|name| answer.text_of(name));
        let token = Some(token).filter(|token| !token.is_empty()).map(str::to_owned);
        let expiry = DateTime::parse_from_rfc3339(answer.text_of("Expiration"));
        let expiry = expiry.map_or(i64::MAX, |at| at.timestamp());
        if !id.is_empty() && !secret.is_empty() {
            return Ok((Credentials::new(id, secret, token, None, "container"), expiry));
        }
    }
    let status = response.status.as_u16();
    let kind = if status >= 500 { Kind::Unavailable } else { Kind::Credentials };
    // No error holds keys; an answer with some of them may.
    let why = if status == 200 { "".into() } else { String::from_utf8_lossy(&response.body) };
    Err(Error::new(kind, format!("{} gave no credentials (HTTP {status}): {why}", Shown(url)))
        .with_status(status))
}

pub const NO_CREDENTIALS: &str = "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or --dry-run to store nothing, \
     --no-sign-request for a store that needs none)";
