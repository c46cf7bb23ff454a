//! `f1:ingest/job`: the job with a typed request, answered with a typed report.

use f1_ingest_component::error::Kind;
use f1_ingest_component::plan::{Planned, Texts};
use f1_ingest_component::report::{self, Report};
use f1_ingest_component::same_kind;
use f1_ingest_component::session::SessionId;
use f1_ingest_component::upstreams::Upstream;
use wstd::runtime::block_on;

use super::bindings::exports::f1::ingest::job as typed;
use super::bindings::exports::f1::ingest::job::{
    ErrorKind, Failure, Guest, Request, Selection, Session, Stored, WouldStore,
};
use super::command::{plan_async, run_async};

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
            would_store: would_store.into_iter().map(to_be_stored).collect(),
            failed: failed.into_iter().map(failure).collect(),
            warnings,
        }
    }

    fn plan(request: Request, selection: Selection) -> Result<Vec<typed::Planned>, Failure> {
        let Request { arguments, run_id, names_sources } = request;
        let Selection { seasons, rounds, sessions, sources, endpoints } = selection;
        let texts = Texts { seasons, rounds, sessions, sources, endpoints };
        let plan = block_on(plan_async(&arguments, run_id, names_sources, &texts));
        plan.map(|plan| plan.into_iter().map(planned).collect()).map_err(|error| failure(error.into()))
    }
}

fn planned(planned: Planned) -> typed::Planned {
    let costs = planned.cost.into_iter().map(|(upstream, requests)| typed::Cost {
        upstream: match upstream {
            Upstream::Jolpica => typed::Upstream::Jolpica,
            Upstream::Schedule => typed::Upstream::Schedule,
            Upstream::Livetiming => typed::Upstream::Livetiming,
            Upstream::Mirror => typed::Upstream::Mirror,
        },
        requests,
    });
    typed::Planned { item: planned.name, since: planned.since, costs: costs.collect() }
}

fn stored(stored: report::Stored) -> Stored {
    let report::Stored { source, session, key, size, sha256 } = stored;
    Stored { source, session: session.map(typed_session), key, size, sha256 }
}

fn to_be_stored(would_store: report::WouldStore) -> WouldStore {
    let report::WouldStore { source, session, size, sha256, changed } = would_store;
    WouldStore { source, session: session.map(typed_session), size, sha256, changed }
}

fn failure(failure: report::Failure) -> Failure {
    let report::Failure { source, item, session, error } = failure;
    Failure {
        source,
        item,
        session: session.map(typed_session),
        kind: same_kind!(error.kind, Kind => ErrorKind),
        status: error.status,
        until: error.until,
        url: error.url,
        message: error.message,
    }
}

fn typed_session(SessionId { season, round, name }: SessionId) -> Session {
    Session { season, round, name: name.abbreviation().to_owned() }
}
