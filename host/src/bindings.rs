//! The component's export `f1:ingest/job`: its bindings, and its report in the job's own types.

use f1_ingest_component::error::{Error, Kind, one_line};
use f1_ingest_component::report::{self, Report};
use f1_ingest_component::same_kind;
use f1_ingest_component::session::{SessionId, SessionName};

wasmtime::component::bindgen!({
    path: "../wit",
    world: "typed",
    exports: { default: async },
});

pub use exports::f1::ingest::job;
use job::{ErrorKind, Failure, Session, Stored, WouldStore};

/// The exit code and the job's own report: the inverse of what the component does to its report.
pub fn report(typed: job::Report) -> (u8, Report) {
    let objects = |objects: Vec<Stored>| objects.into_iter().map(stored).collect();
    let report = Report {
        stored: objects(typed.stored),
        unchanged: objects(typed.unchanged),
        would_store: typed.would_store.into_iter().map(to_be_stored).collect(),
        failed: typed.failed.into_iter().map(failure).collect(),
        warnings: typed.warnings.iter().map(|warning| one_line(warning)).collect(),
    };
    (typed.exit_code, report)
}

fn stored(Stored { source, session: of, key, size, sha256 }: Stored) -> report::Stored {
    report::Stored { source, session: of.and_then(session), key, size, sha256 }
}

fn to_be_stored(WouldStore { source, session: of, size, sha256, changed }: WouldStore) -> report::WouldStore {
    report::WouldStore { source, session: of.and_then(session), size, sha256, changed }
}

fn failure(failure: Failure) -> report::Failure {
    let Failure { source, item, session: of, kind, status, until, url, message } = failure;
    let error = Error::new(same_kind!(kind, ErrorKind => Kind), message).with_until(until);
    let error = match url {
        Some(url) => error.at(url),
        None => error,
    };
    let error = match status {
        Some(status) => error.with_status(status),
        None => error,
    };
    report::Failure { source, item, session: of.and_then(session), error }
}

/// None of a session whose name is not known here.
fn session(Session { season, round, name }: Session) -> Option<SessionId> {
    Some(SessionId { season, round, name: SessionName::parse(&name).ok()? })
}
