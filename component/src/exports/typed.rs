//! `f1:ingest/job`: the job with a typed request, answered with a typed report.

use f1_ingest_component::error::Kind;
use f1_ingest_component::report::{self, Report};
use f1_ingest_component::same_kind;
use f1_ingest_component::session::SessionId;
use wstd::runtime::block_on;

use super::bindings::exports::f1::ingest::job as typed;
use super::bindings::exports::f1::ingest::job::{
    ErrorKind, Failure, Guest, Planned, Request, Session, Stored,
};
use super::command::run_async;

/// What the bindings export.
pub struct Component;

impl Guest for Component {
    fn ingest(request: Request) -> typed::Report {
        let Request { arguments, run_id, names_sources } = request;
        let report = block_on(run_async(&arguments, run_id, names_sources));
        let exit_code = report.exit_code();
        let Report { stored: made, unchanged, would_store, failed, warnings } = report;
        let objects = |objects: Vec<report::Stored>| objects.into_iter().map(stored).collect();
        typed::Report {
            exit_code,
            stored: objects(made),
            unchanged: objects(unchanged),
            would_store: would_store.into_iter().map(planned).collect(),
            failed: failed.into_iter().map(failure).collect(),
            warnings,
        }
    }
}

fn stored(stored: report::Stored) -> Stored {
    let report::Stored { source, session, key, size, sha256 } = stored;
    Stored { source, session: session.map(typed_session), key, size, sha256 }
}

fn planned(planned: report::Planned) -> Planned {
    let report::Planned { source, session, size, sha256, changed } = planned;
    Planned { source, session: session.map(typed_session), size, sha256, changed }
}

fn failure(failure: report::Failure) -> Failure {
    let report::Failure { source, session, error } = failure;
    Failure {
        source,
        session: session.map(typed_session),
        kind: same_kind!(error.kind, Kind => ErrorKind),
        status: error.status,
        until: error.until,
        message: error.message,
    }
}

fn typed_session(SessionId { season, round, name }: SessionId) -> Session {
    Session { season, round, name: name.abbreviation().to_owned() }
}
