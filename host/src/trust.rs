//! Which certificates are trusted, and what it means if a server's is not.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use f1_ingest_component::error::{Error, Result};
use rustls::client::ClientConfig;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, InvalidMessage, RootCertStore};

use crate::profiles::Profiles;
use crate::variables::variable;

/// Whom a connection is for: each has places of its own that name certificates.
#[derive(Debug, Default, Clone)]
pub enum Peer {
    /// What Python's requests fetched in the script that this job replaces.
    #[default]
    Upstream,
    /// What boto3 spoke to: the store, and AWS's services.
    Aws {
        /// The file that the profile names.
        ca_bundle: Option<String>,
    },
}

impl Peer {
    /// The store and AWS's services, as the profile that counts has them.
    pub fn aws(profiles: &Profiles) -> Peer {
        let ca_bundle = profiles.setting("ca_bundle").filter(|path| !path.is_empty());
        Peer::Aws { ca_bundle: ca_bundle.map(str::to_owned) }
    }

    /// The places that name certificates, the first one that does wins; behind them SSL_CERT_FILE and SSL_CERT_DIR.
    fn places(&self) -> Vec<(&'static str, Option<String>)> {
        let [requests, curl, aws] =
            ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE"].map(|name| (name, variable(name)));
        match self {
            Peer::Upstream => vec![requests, curl],
            Peer::Aws { ca_bundle } => vec![aws, ("ca_bundle", ca_bundle.clone()), requests],
        }
    }

    /// The certificates that are named instead of the platform's, if any are. Fails, as wrong usage, if they cannot be
    /// read.
    pub fn named(&self) -> Result<Option<RootCertStore>> {
        if let Some((name, path)) = self.places().into_iter().find_map(|(name, path)| Some((name, path?))) {
            return roots(&[(name, &path)]).map(Some);
        }
        let [file, folders] = ["SSL_CERT_FILE", "SSL_CERT_DIR"].map(variable);
        let file = file.iter().map(|file| ("SSL_CERT_FILE", file.as_str()));
        let folders = folders.iter().flat_map(|folders| folders.split(':')).map(|it| ("SSL_CERT_DIR", it));
        let sources: Vec<_> = file.chain(folders.filter(|(_, folder)| !folder.is_empty())).collect();
        if sources.is_empty() { Ok(None) } else { roots(&sources).map(Some) }
    }

    /// How to speak TLS. Reading what the platform trusts takes longer than the whole job does without it.
    pub fn config(&self) -> Result<ClientConfig> {
        use rustls_platform_verifier::BuilderVerifierExt;
        let builder = builder().map_err(no_roots)?;
        if let Some(roots) = self.named()? {
            return Ok(builder.with_root_certificates(roots).with_no_client_auth());
        }
        Ok(builder.with_platform_verifier().map_err(no_roots)?.with_no_client_auth())
    }

    /// What the error of a connection to `host` means, what to do about it, and whether it lasts.
    pub fn explained(&self, error: &rustls::Error, host: &str) -> (String, bool) {
        let places = self.places().iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let why = match error {
            rustls::Error::InvalidCertificate(error) => match error {
                CertificateError::Expired => format!(
                    "the certificate of {host} has expired; have it renewed, or correct this machine's clock"
                ),
                CertificateError::ExpiredContext { not_after, .. } => format!(
                    "the certificate of {host} has expired, on {}; have it renewed, or correct this machine's clock",
                    date(*not_after)
                ),
                CertificateError::NotValidYet => {
                    format!("the certificate of {host} is not valid yet; correct this machine's clock")
                }
                CertificateError::NotValidYetContext { not_before, .. } => format!(
                    "the certificate of {host} is not valid yet, only from {} on; correct this machine's clock",
                    date(*not_before)
                ),
                CertificateError::NotValidForName => format!(
                    "the certificate is not valid for {host}; correct the host in the URL, or the certificate"
                ),
                CertificateError::NotValidForNameContext { presented, .. } => format!(
                    "the certificate is not valid for {host} but for {}; correct the host in the URL, or the certificate",
                    names(presented)
                ),
                // A bad signature: the one that is trusted has the same name, but another key.
                CertificateError::UnknownIssuer | CertificateError::BadSignature => format!(
                    "the certificate of {host} is of an unknown authority, one that this machine does not trust; name a file \
                     with the authority's certificates in SSL_CERT_FILE (or {places}, which win)"
                ),
                other if format!("{other:?}").contains("CaUsedAsEndEntity") => format!(
                    "{host} shows a CA's certificate (CA:TRUE) as its own, as `openssl req -x509` makes it; make it with \
                     -addext basicConstraints=critical,CA:FALSE, or have the CA sign one for the server"
                ),
                other => format!("the certificate of {host} is not accepted: {other}; have it replaced"),
            },
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
                format!(
                    "{host} does not speak TLS at this port; if it speaks plain HTTP, the URL begins with http://"
                )
            }
            rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
                format!(
                    "{host} wants a certificate of the client, and there is none to give; it has to accept others"
                )
            }
            rustls::Error::AlertReceived(alert) => {
                format!(
                    "{host} refuses TLS as we speak it (1.2 and 1.3): {alert:?}; check the URL's host and port"
                )
            }
            rustls::Error::PeerIncompatible(why) => {
                format!(
                    "{host} does not speak TLS 1.2 or 1.3 as we do: {why:?}; have its TLS brought up to date"
                )
            }
            other => return (format!("TLS failed: {other}"), false),
        };
        (why, true)
    }
}

/// How to speak TLS if nobody will.
pub fn none() -> Result<ClientConfig> {
    let none = RootCertStore::empty();
    Ok(builder().map_err(no_roots)?.with_root_certificates(none).with_no_client_auth())
}

fn builder() -> std::result::Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, rustls::Error>
{
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(ring).with_safe_default_protocol_versions()
}

/// A container may come without certificates.
fn no_roots(error: rustls::Error) -> Error {
    Error::usage(format!("{error}; install ca-certificates, or name a file of them in SSL_CERT_FILE"))
}

/// The certificates of files and folders that variables name. A folder that is missing is passed over if there are
/// others, as OpenSSL does.
fn roots(sources: &[(&str, &str)]) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let mut wrong = None;
    for (variable, path) in sources {
        let path = Path::new(path);
        let found = match path.is_dir() {
            true => rustls_native_certs::load_certs_from_paths(None, Some(path)),
            false => rustls_native_certs::load_certs_from_paths(Some(path), None),
        };
        if roots.add_parsable_certificates(found.certs).0 > 0 {
            continue;
        }
        let why = found.errors.first().map_or("no certificate is in it".to_owned(), ToString::to_string);
        let error = Error::usage(format!(
            "{variable}={}: {why}; name a file of certificates (PEM) that can be read, or unset {variable}",
            path.display()
        ));
        if *variable != "SSL_CERT_DIR" {
            return Err(error);
        }
        wrong.get_or_insert(error);
    }
    match wrong {
        Some(error) if roots.is_empty() => Err(error),
        _ => Ok(roots),
    }
}

/// The names of a certificate, out of `DnsName("a.example")` and the like.
fn names(presented: &[String]) -> String {
    match presented {
        [] => "no name at all".to_owned(),
        some => some.iter().map(|name| name.split('"').nth(1).unwrap_or(name)).collect::<Vec<_>>().join(", "),
    }
}

fn date(time: UnixTime) -> String {
    let time = i64::try_from(time.as_secs()).ok().and_then(|time| DateTime::<Utc>::from_timestamp(time, 0));
    time.map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true)).unwrap_or_default()
}
