//! AWS Signature Version 4 with S3's settings.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>: the path is encoded
//! once and not normalised, and the payload's SHA-256 is signed, so that a body cut on its way is refused.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign as sigv4,
};
use aws_sigv4::sign::v4;
use chrono::{DateTime, Utc};
use http::{HeaderName, HeaderValue};

use crate::error::{Error, Kind, Result};
use crate::http::transport::Request;

/// The settings that S3 wants and other AWS services do not.
pub fn settings() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings
}

/// The hash of the body, in hex. A request may bring it along.
pub const CONTENT_SHA256: &str = "x-amz-content-sha256";

/// Whose signature it is, and for what.
pub struct Signer<'a> {
    pub credentials: &'a Credentials,
    pub region: &'a str,
    pub service: &'a str,
}

/// Adds the signature of a request to S3 in `region`, and the headers that go with it. Nobody's: none.
pub fn sign(
    request: &mut Request<'_>,
    credentials: Option<&Credentials>,
    region: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    let Some(credentials) = credentials else { return Ok(()) };
    let signer = Signer { credentials, region, service: "s3" };
    sign_with(request, &signer, settings(), now)
}

/// As [`sign`], for any service and settings. A request that brings its body's hash is not hashed again.
pub fn sign_with(
    request: &mut Request<'_>,
    signer: &Signer<'_>,
    settings: SigningSettings,
    now: DateTime<Utc>,
) -> Result<()> {
    let refuse = |why: &dyn std::fmt::Display| {
        Error::new(Kind::StoreRefused, format!("{} cannot be signed: {why}", request.url))
    };
    let known = request.headers.remove(CONTENT_SHA256);
    let body = match known.as_ref().and_then(|sha256| sha256.to_str().ok()) {
        Some(sha256) => SignableBody::Precomputed(sha256.to_owned()),
        None => SignableBody::Bytes(request.body.unwrap_or_default()),
    };
    let identity = signer.credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(signer.region)
        .name(signer.service)
        .time(now.into())
        .settings(settings)
        .build()
        .map_err(|e| refuse(&e))?;
    let headers =
        request.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let signable = SignableRequest::new(request.method.as_str(), request.url.to_string(), headers, body)
        .map_err(|e| refuse(&e))?;
    let (instructions, _) = sigv4(signable, &parameters.into()).map_err(|e| refuse(&e))?.into_parts();
    for (name, value) in instructions.headers() {
        let header = header(name, value).map_err(|e| refuse(&e))?;
        request.headers.extend([header]);
    }
    Ok(())
}

/// A header of text that was computed.
pub fn header(name: &str, value: &str) -> std::result::Result<(HeaderName, HeaderValue), http::Error> {
    let mut value = HeaderValue::try_from(value)?;
    value.set_sensitive(name == "authorization" || name == "x-amz-security-token");
    Ok((HeaderName::try_from(name)?, value))
}
