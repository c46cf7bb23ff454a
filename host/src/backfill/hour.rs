//! What an hour of Jolpica's lets a plan do.

use chrono::{DateTime, Utc};
use f1_ingest_component::plan::Planned;
use f1_ingest_component::upstreams::Upstream;

use crate::budget::Budget;

/// The hour's requests; none, if there is no limit.
pub struct Hour(pub Option<Budget>);

impl Hour {
    /// Until when there is no room for all requests of an item: half a document would be asked for in vain.
    pub fn full_until(&self, planned: &Planned) -> Option<DateTime<Utc>> {
        match requests(planned) {
            0 => None,
            requests => self.0.as_ref()?.room_for(requests).ok()?,
        }
    }

    /// What is left of it, and how long these items take at least.
    pub fn left<'p>(&self, due: impl Iterator<Item = &'p Planned>) -> String {
        let Some(Ok(left)) = self.0.as_ref().map(Budget::left) else { return String::new() };
        let requests: usize = due.map(requests).sum();
        let hours = requests.saturating_sub(left.left).div_ceil(left.of.max(1));
        let time = if hours > 0 { format!(", {hours} h to go") } else { String::new() };
        format!("jolpica: {left}{time}")
    }
}

/// How many requests to Jolpica an item takes.
fn requests(planned: &Planned) -> usize {
    let cost = planned.cost.iter().filter(|(upstream, _)| *upstream == Upstream::Jolpica);
    cost.map(|(_, requests)| *requests as usize).sum()
}
