//! Hosts that have had enough, or fail again and again: what is made from them is put off.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, Utc};
use f1_ingest_component::error::{Error, Kind};

/// So many failures of one host in a row that it is not asked again in this run.
const ENOUGH: u32 = 3;

/// Which hosts are not asked again.
#[derive(Default)]
pub struct Refusals {
    put_off: HashMap<String, PutOff>,
    /// In a row.
    failures: HashMap<String, u32>,
}

/// Why the items of a host wait, and until when, if it is known.
struct PutOff {
    kind: Kind,
    until: Option<u64>,
    items: usize,
}

impl Refusals {
    /// Whether an item that is made from these hosts has to wait.
    pub fn put_off(&mut self, hosts: &[String]) -> bool {
        let refuses = self.put_off.iter_mut().find(|(host, _)| hosts.contains(host));
        if let Some((_, put_off)) = refuses {
            put_off.items += 1;
            return true;
        }
        false
    }

    /// These hosts had what an item is made from.
    pub fn answered(&mut self, hosts: &[String]) {
        self.failures.retain(|host, _| !hosts.contains(host));
    }

    /// A host failed at an item.
    pub fn failed(&mut self, host: String, error: &Error) {
        let failures = self.failures.entry(host.clone()).or_default();
        *failures += 1;
        if *failures >= ENOUGH {
            self.refused(host, error);
        }
    }

    /// A host has refused an item, and would refuse all others.
    pub fn refused(&mut self, host: String, error: &Error) {
        self.wait(host, error.kind, error.until);
    }

    /// A host is not to be asked before a unix second. An item that comes too early is put off, too; one that was refused for
    /// good has failed.
    pub fn wait(&mut self, host: String, kind: Kind, until: Option<u64>) {
        let put_off = self.put_off.entry(host).or_insert(PutOff { kind, until, items: 0 });
        put_off.items += usize::from(matches!(kind, Kind::RateLimited | Kind::BotProtection));
    }

    /// A line for each host.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.put_off.iter().map(|(host, PutOff { kind, until, items })| {
            let when = match until.and_then(instant) {
                Some(until) => format!("it goes on at {}", shown(until)),
                None => "the next run asks again".into(),
            };
            format!("{host} ({}) puts off {items} items; {when}", kind.name())
        })
    }
}

/// The time of a unix second.
pub fn instant(seconds: u64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds.try_into().ok()?, 0)
}

pub fn shown(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}
