//! What can go wrong, in the words of the person who has to act on it.

use std::fmt;

/// The result of everything in the job that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something failed. The contract names these kinds; each is one row of [`Kind::row`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Wrong option, variable or input file; nothing was sent.
    Usage,
    /// The upstream refuses this address (403).
    Blocked,
    /// The upstream has no data yet.
    NotPublished,
    /// The upstream has no such document.
    NotFound,
    /// Too many requests; the unix second from which on the upstream answers again, if it said so.
    RateLimited(Option<u64>),
    /// The upstream wants a sign-in (401).
    SignIn,
    /// No connection, a timeout, a response cut short.
    Network,
    /// The sandbox does not let the job reach this host.
    Denied,
    /// The upstream or the store keeps answering with this server error.
    Unavailable(u16),
    /// What came is not the JSON that was asked for.
    NotJson,
    /// The store refuses the credentials, or they lack a permission.
    Credentials,
    /// The bucket does not exist.
    NoSuchBucket,
    /// This machine's clock and the store's differ too much.
    ClockSkew,
    /// The store refuses the request for a reason of its own.
    StoreRefused,
}

impl Kind {
    /// Name in reports, exit code, and whether another attempt at the whole operation can help.
    fn row(self) -> (&'static str, u8, bool) {
        match self {
            Kind::Usage => ("usage", 2, false),
            Kind::Blocked => ("blocked", 1, false),
            Kind::NotPublished => ("not-published", 75, false),
            Kind::NotFound => ("not-found", 1, false),
            Kind::RateLimited(_) => ("rate-limited", 75, false),
            Kind::SignIn => ("sign-in", 1, false),
            Kind::Network => ("network", 1, true),
            Kind::Denied => ("denied", 1, false),
            Kind::Unavailable(_) => ("unavailable", 1, true),
            Kind::NotJson => ("not-json", 1, true),
            Kind::Credentials => ("credentials", 1, false),
            Kind::NoSuchBucket => ("no-such-bucket", 1, false),
            Kind::ClockSkew => ("clock-skew", 1, false),
            Kind::StoreRefused => ("store-refused", 1, false),
        }
    }

    /// The kind's name in logs and reports.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The process's exit code where this is the only failure.
    pub fn exit_code(self) -> u8 {
        self.row().1
    }

    /// Whether the same operation may succeed a few seconds later.
    pub fn is_transient(self) -> bool {
        self.row().2
    }
}

/// One failure: its kind, and one line with cause, URL and remedy. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub kind: Kind,
    pub message: String,
}

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error { kind, message: one_line(&message.into()) }
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Error::new(Kind::Usage, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Upstream texts can hold line breaks and control characters; a log line must not.
fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
