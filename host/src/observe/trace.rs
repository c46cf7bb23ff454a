//! One span for each run, for an OpenTelemetry collector: OTLP over HTTP, as JSON.
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp>

use std::time::SystemTime;

use anyhow::Result;
use http::Request;
use http::header::CONTENT_TYPE;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::outcome::Outcome;
use crate::pool::Pool;

/// Where spans go, as OpenTelemetry's variables say.
/// <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>
pub struct Collector {
    url: String,
    headers: Vec<(String, String)>,
    service: String,
}

impl Collector {
    /// Reads the variables; none if they name no endpoint.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Option<Collector> {
        let endpoint = variable("OTEL_EXPORTER_OTLP_ENDPOINT")?;
        let headers = variable("OTEL_EXPORTER_OTLP_HEADERS").unwrap_or_default();
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=')?;
            let value = percent_decode_str(value.trim()).decode_utf8_lossy().into_owned();
            Some((name.trim().to_owned(), value))
        };
        Some(Collector {
            url: format!("{}/v1/traces", endpoint.trim_end_matches('/')),
            headers: headers.split(',').filter_map(pair).collect(),
            service: variable("OTEL_SERVICE_NAME").unwrap_or_else(|| "f1-ingest".to_owned()),
        })
    }

    /// Sends a run's span. Fails if the collector does not take it.
    pub async fn send(&self, pool: &Pool, outcome: &Outcome) -> Result<()> {
        let request = Request::post(&self.url).header(CONTENT_TYPE, "application/json");
        let request = self.headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        super::send(pool, request, spans(&self.service, outcome).to_string()).await
    }
}

/// The run as the one span of a trace; the run's id is the trace's.
fn spans(service: &str, outcome: &Outcome) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    let ended = outcome.started + outcome.took;
    let kept = outcome.kept().map(|(what, object)| {
        let attributes =
            [text("source", &object.source), text("key", &object.key), number("size", object.size)];
        event(what, ended, &attributes)
    });
    let failed = outcome.failures().into_iter().map(|(source, kind, message)| {
        event("failed", ended, &[text("source", source), text("kind", kind), text("message", &message)])
    });
    let events: Vec<Value> = kept.chain(failed).collect();
    let failed = outcome.exit_code() != 0;
    json!({"resourceSpans": [{
        "resource": {"attributes": [text("service.name", service), text("service.version", version)]},
        "scopeSpans": [{
            "scope": {"name": "f1-ingest", "version": version},
            "spans": [{
                "traceId": outcome.run_id,
                "spanId": outcome.run_id.get(..16),
                "name": "ingest",
                "kind": 1,
                "startTimeUnixNano": nanoseconds(outcome.started),
                "endTimeUnixNano": nanoseconds(ended),
                "attributes": [number("f1_ingest.exit_code", outcome.exit_code().into())],
                "events": events,
                "status": {"code": if failed { 2 } else { 1 }},
            }],
        }],
    }]})
}

fn event(name: &str, time: SystemTime, attributes: &[Value]) -> Value {
    json!({"name": name, "timeUnixNano": nanoseconds(time), "attributes": attributes})
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// OTLP's JSON has 64-bit numbers as text.
fn number(key: &str, value: u64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

fn nanoseconds(time: SystemTime) -> String {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos().to_string()
}
