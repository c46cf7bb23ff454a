//! A plan as it is shown: what would be fetched, and what that costs.

use std::collections::BTreeMap;

use f1_ingest_component::http::url::authority;
use serde_json::{Value, json};

use super::Sorted;
use crate::lake::Lake;

/// Requests by upstream, and how long they take at its pace, in seconds.
fn costs(items: &Sorted, lake: &Lake) -> BTreeMap<String, (u32, u64)> {
    let mut costs: BTreeMap<String, (u32, u64)> = BTreeMap::new();
    for (upstream, requests) in items.due.iter().flat_map(|(planned, _)| &planned.cost) {
        costs.entry(authority(lake.job.upstreams.url(*upstream))).or_default().0 += requests;
    }
    let a_second = lake.job.requests_per_second as u64;
    let (jolpica, hour) = (authority(&lake.job.upstreams.jolpica), lake.job.upstreams.jolpica_hour);
    for (host, (requests, seconds)) in &mut costs {
        let requests = u64::from(*requests);
        let paced = requests.checked_div(a_second).unwrap_or_default();
        let of_an_hour = if *host == jolpica { hour.requests as u64 } else { 0 };
        let hours = requests.saturating_sub(1).checked_div(of_an_hour).unwrap_or_default();
        *seconds = paced.max(hours * hour.window.as_secs());
    }
    costs
}

pub fn json(items: &Sorted, lake: &Lake) -> Value {
    let due = items.due.iter().map(|(planned, why)| {
        let mut of_hosts: BTreeMap<String, u32> = BTreeMap::new();
        for (upstream, requests) in &planned.cost {
            *of_hosts.entry(authority(lake.job.upstreams.url(*upstream))).or_default() += requests;
        }
        json!({
            "item": planned.name,
            "why": why.name(),
            "since": planned.since,
            "requests": of_hosts,
        })
    });
    let upstreams = costs(items, lake)
        .into_iter()
        .map(|(host, (requests, seconds))| (host, json!({"requests": requests, "seconds": seconds})));
    json!({
        "items": due.collect::<Vec<_>>(),
        "upstreams": upstreams.collect::<serde_json::Map<_, _>>(),
        "kept": items.kept,
        "absent": items.absent,
        "future": items.future,
    })
}

pub fn text(items: &Sorted, lake: &Lake) -> String {
    let mut text = String::new();
    for (planned, why) in &items.due {
        text.push_str(&format!("{:<8} {}\n", why.name(), planned.name));
    }
    let Sorted { due, kept, absent, future } = items;
    text.push_str(&format!(
        "{} to fetch; {kept} are there, {absent} known to be absent, {future} still to come\n",
        due.len()
    ));
    for (host, (requests, seconds)) in costs(items, lake) {
        let time = match seconds {
            0..60 => format!("{seconds} s"),
            60..7200 => format!("{} min", seconds / 60),
            _ => format!("{} h", seconds / 3600),
        };
        text.push_str(&format!("about {requests} requests to {host}, at least {time}\n"));
    }
    text
}
