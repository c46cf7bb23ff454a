//! The component's export `f1:ingest/job`: its bindings, and its report in the job's own types.

use f1_ingest_component::error::{Error, Kind};
use f1_ingest_component::report::{Failure, Report, Stored};

wasmtime::component::bindgen!({
    path: "../wit",
    world: "typed",
    exports: { default: async },
});

pub use exports::f1::ingest::job;

/// The exit code and the job's own report: the inverse of what the component does to its report.
pub fn report(typed: job::Report) -> (u8, Report) {
    let report = Report {
        stored: typed
            .stored
            .into_iter()
            .map(|job::Stored { source, key, size, sha256 }| Stored { source, key, size, sha256 })
            .collect(),
        failed: typed
            .failed
            .into_iter()
            .map(|failure| Failure {
                source: failure.source,
                error: Error::new(kind(failure.kind), failure.message),
            })
            .collect(),
        warnings: typed.warnings,
    };
    (typed.exit_code, report)
}

fn kind(kind: job::ErrorKind) -> Kind {
    match kind {
        job::ErrorKind::Usage => Kind::Usage,
        job::ErrorKind::Blocked => Kind::Blocked,
        job::ErrorKind::NotPublished => Kind::NotPublished,
        job::ErrorKind::NotFound => Kind::NotFound,
        job::ErrorKind::RateLimited(until) => Kind::RateLimited(until),
        job::ErrorKind::SignIn => Kind::SignIn,
        job::ErrorKind::Network => Kind::Network,
        job::ErrorKind::Denied => Kind::Denied,
        job::ErrorKind::Unavailable(status) => Kind::Unavailable(status),
        job::ErrorKind::NotJson => Kind::NotJson,
        job::ErrorKind::Credentials => Kind::Credentials,
        job::ErrorKind::NoSuchBucket => Kind::NoSuchBucket,
        job::ErrorKind::ClockSkew => Kind::ClockSkew,
        job::ErrorKind::StoreRefused => Kind::StoreRefused,
    }
}
