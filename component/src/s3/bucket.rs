//! The bucket: where it is, how it is addressed, and what every object in it gets.

use http::Uri;
use http::header::HeaderMap;

use super::checksum::Checksum;
use super::credentials::Keys;
use super::key::Key;

/// Where objects go, and who writes them.
#[derive(Debug)]
pub struct Bucket {
    pub name: String,
    pub region: String,
    /// None is AWS.
    pub endpoint: Option<Uri>,
    pub keys: Keys,
    /// Requests are not signed, and need no credentials.
    pub unsigned: bool,
    /// Bytes. A document that is not shorter is sent in parts.
    pub part_size: usize,
    /// Whether objects are compressed.
    pub gzip: bool,
    pub path_style: bool,
    pub fips: bool,
    pub dualstack: bool,
    /// Of what a document has to differ to be stored; none: of nothing.
    pub if_changed: Option<Previous>,
    pub checksum: Option<Checksum>,
    /// What every object gets beside its own headers.
    pub headers: HeaderMap,
}

/// The object that a document is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Previous {
    /// The newest one of its item, which has to be looked for.
    Newest,
    /// This one, whose document has this SHA-256.
    Known(Key, String),
}

impl Previous {
    /// Reads `KEY:SHA256`.
    pub fn parse(text: &str) -> Result<Previous, String> {
        let known = text.rsplit_once(':').and_then(|(key, sha256)| {
            let is_hash = sha256.len() == 64
                && sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            is_hash.then_some(Previous::Known(key.parse().ok()?, sha256.to_owned()))
        });
        known.ok_or_else(|| {
            format!("{text:?} is not a key of a document, a colon and its SHA-256 in lower-case hex")
        })
    }
}

/// Where the host's embedded store is found: not on the network.
pub const EMBEDDED_STORE: &str = "store.f1-ingest.internal";

impl Bucket {
    /// Whether the store is known to honour `If-None-Match`: AWS and our own. Of others it has to be found out.
    pub fn is_conditional(&self) -> bool {
        self.endpoint.is_none() || self.is_embedded()
    }

    /// Whether the store is in the host's own process.
    pub fn is_embedded(&self) -> bool {
        self.endpoint.as_ref().is_some_and(|endpoint| endpoint.host() == Some(EMBEDDED_STORE))
    }

    /// The URL of the bucket, without a slash at its end: path-style at an endpoint, virtual-hosted at AWS.
    ///
    /// A bucket with a dot in its name is addressed path-style at AWS too: no certificate covers the host
    /// that it would have. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html>
    pub fn url(&self) -> Uri {
        self.url_in(&self.region)
    }

    /// As [`Bucket::url`], in another region.
    pub fn url_in(&self, region: &str) -> Uri {
        let name = &self.name;
        // Nobody is sent from one partition to another.
        let suffix = match self.region.split('-').next() {
            Some("cn") => "amazonaws.com.cn",
            Some("eusc") => "amazonaws.eu",
            _ => "amazonaws.com",
        };
        let fips = if self.fips { "-fips" } else { "" };
        let dualstack = if self.dualstack { ".dualstack" } else { "" };
        let host = format!("s3{fips}{dualstack}.{region}.{suffix}");
        let url = match &self.endpoint {
            Some(endpoint) => format!("{}/{name}", endpoint.to_string().trim_end_matches('/')),
            None if self.path_style || name.contains('.') => format!("https://{host}/{name}"),
            None => format!("https://{}.{host}", name.to_ascii_lowercase()),
        };
        url.parse().expect("a checked name, region and endpoint make a URL")
    }
}

/// Reads a bucket's name.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>, less the prefixes
/// and suffixes that AWS keeps for itself; other stores also take capitals and underscores.
pub fn name(text: &str) -> std::result::Result<String, String> {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let outer = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let fine = (3..=63).contains(&text.len())
        && text.chars().all(inner)
        && outer(text.chars().next())
        && outer(text.chars().last())
        && !text.contains("..");
    if text.starts_with("arn:") {
        return Err("an ARN is not a bucket name: give the bucket's name, or the access point's alias".into());
    }
    fine.then(|| text.to_owned())
        .ok_or(format!("{text:?} is not a bucket name: 3 to 63 letters, digits, dots and hyphens"))
}

/// Reads the name of a region.
pub fn region(text: &str) -> std::result::Result<String, String> {
    let fine = text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    fine.then(|| text.to_owned()).ok_or(format!("{text:?} is not a region name"))
}
