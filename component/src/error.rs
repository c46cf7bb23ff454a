//! What can go wrong, in the words of the person who has to act on it.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

/// The result of everything in the job that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Declares the kinds, once for all: name in reports, exit code, and whether another attempt at the whole
/// operation can help. The WIT has an enum of the same names in the same order; `same_kind!` goes between the two.
macro_rules! kinds {
    ($dollar:tt $($(#[$doc:meta])* $kind:ident $name:literal $exit_code:literal $is_transient:literal;)*) => {
        /// Why something failed. The contract names these kinds.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            pub const ALL: &[Kind] = &[$(Kind::$kind),*];

            fn row(self) -> (&'static str, u8, bool) {
                match self { $(Kind::$kind => ($name, $exit_code, $is_transient),)* }
            }
        }

        /// Turns a kind of one type into that of another: `same_kind!(kind, Kind => ErrorKind)`. Both types have
        /// all the names, which the compiler checks.
        #[macro_export]
        macro_rules! same_kind {
            ($dollar kind:expr, $dollar from:ident => $dollar to:ident) => {
                match $dollar kind { $($dollar from::$kind => $dollar to::$kind,)* }
            };
        }
    };
}

kinds! { $
    /// Wrong option, variable or input file; nothing was sent.
    Usage "usage" 2 false;
    /// The upstream refuses this address (403).
    Blocked "blocked" 1 false;
    /// The upstream has no data yet.
    NotPublished "not-published" 75 false;
    /// The upstream has no such document.
    NotFound "not-found" 1 false;
    /// Too many requests.
    RateLimited "rate-limited" 75 false;
    /// The upstream takes us for a robot, and shows a page that a person gets past.
    BotProtection "bot-protection" 75 false;
    /// The upstream wants a sign-in (401).
    SignIn "sign-in" 1 false;
    /// No connection, a timeout, a response cut short.
    Network "network" 1 true;
    /// The sandbox does not let the job reach this host.
    Denied "denied" 1 false;
    /// The upstream or the store keeps answering with an error of its own.
    Unavailable "unavailable" 1 true;
    /// What came is not the JSON that was asked for.
    NotJson "not-json" 1 true;
    /// The store refuses the credentials, or they lack a permission.
    Credentials "credentials" 1 false;
    /// The bucket does not exist.
    NoSuchBucket "no-such-bucket" 1 false;
    /// This machine's clock and the store's differ too much.
    ClockSkew "clock-skew" 1 false;
    /// Another run is writing the same key, or has ended this one's upload.
    Conflict "conflict" 75 true;
    /// The store refuses the request for a reason of its own.
    StoreRefused "store-refused" 1 false;
}

impl Kind {
    /// The kind's name in logs and reports.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The process's exit code if this is the only failure.
    pub fn exit_code(self) -> u8 {
        self.row().1
    }

    /// Whether a host refuses us, not what was asked for.
    pub fn is_of_us(self) -> bool {
        matches!(self, Kind::SignIn | Kind::Blocked | Kind::BotProtection)
    }

    /// Whether the same operation may succeed a few seconds later.
    pub fn is_transient(self) -> bool {
        self.row().2
    }
}

/// One failure: its kind, and one line with cause, URL and remedy. Never holds a secret.
#[derive(Debug, Clone)]
pub struct Error {
    pub kind: Kind,
    pub message: String,
    /// The HTTP status that said so, if one did.
    pub status: Option<u16>,
    /// The unix second from which on the host answers again, if it said so.
    pub until: Option<u64>,
    /// What was asked, as anybody may see it.
    pub url: Option<String>,
    /// Whether it stays so, though its kind may pass.
    lasts: bool,
    /// Whether the kind is only the likeliest: the answer does not say why.
    is_guess: bool,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error {
            kind,
            message: one_line(&message.into()),
            status: None,
            until: None,
            url: None,
            lasts: false,
            is_guess: false,
            source: None,
        }
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Error::new(Kind::Usage, message)
    }

    /// The same failure, of an answer with this status.
    pub fn with_status(self, status: u16) -> Self {
        Error { status: Some(status), ..self }
    }

    /// The same failure, at this URL, which holds no secret.
    pub fn at(self, url: impl fmt::Display) -> Self {
        Error { url: Some(url.to_string()), ..self }
    }

    /// What a log line of it has beside the message.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let url = self.url.clone().map(|url| ("url", url.into()));
        url.into_iter().chain(self.status.map(|status| ("status", status.into())))
    }

    /// The same failure, over at this unix second.
    pub fn with_until(self, until: Option<u64>) -> Self {
        Error { until, ..self }
    }

    /// `host[:port]` of what was asked.
    pub fn host(&self) -> Option<String> {
        let url: http::Uri = self.url.as_ref()?.parse().ok()?;
        Some(url.authority()?.as_str().to_owned())
    }

    /// The same failure, which no second attempt can change.
    pub fn lasting(self) -> Self {
        Error { lasts: true, ..self }
    }

    /// The same failure, as one of another kind.
    pub fn of_kind(self, kind: Kind) -> Self {
        Error { kind, ..self }
    }

    /// The same failure, whose kind is only the likeliest.
    pub fn guessed(self) -> Self {
        Error { is_guess: true, ..self }
    }

    /// Whether the kind is only the likeliest.
    pub fn is_guess(&self) -> bool {
        self.is_guess
    }

    /// Whether the same operation may succeed a few seconds later.
    pub fn is_transient(&self) -> bool {
        self.kind.is_transient() && !self.lasts
    }

    /// The same failure, because of another one.
    pub fn because_of(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Error { source: Some(Arc::new(source)), ..self }
    }

    /// The same failure in other words.
    pub fn reworded(self, message: impl Into<String>) -> Self {
        Error { message: one_line(&message.into()), ..self }
    }

    /// Whether the host says that it does not give this, now and later.
    pub fn is_refusal(&self) -> bool {
        match self.status {
            Some(status) => {
                let passes = matches!(self.kind, Kind::RateLimited | Kind::BotProtection);
                (400..500).contains(&status) && !passes
            }
            None => self.kind == Kind::NotFound,
        }
    }
}

impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        let told = |error: &Error| (error.kind, error.status, error.until);
        told(self) == told(other) && self.message == other.message
    }
}

impl Eq for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}

/// Texts of others can hold line breaks, control characters and marks that turn the direction of writing; a line of
/// a log, report or page must not.
pub fn one_line(text: &str) -> String {
    let is_bidi = |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.split(|c: char| c.is_control() || c.is_whitespace() || is_bidi(c))
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_others_is_one_line_without_controls() {
        let text = "a\r\n::error x\u{1b}[31m\u{2028}b\u{2029}c\u{85}d\u{9b}e\u{7f}f\u{202e}g\u{2066}h\0";
        assert_eq!(one_line(text), "a ::error x [31m b c d e f g h");
        assert_eq!(Error::new(Kind::NotJson, text).message, one_line(text));
    }
}
