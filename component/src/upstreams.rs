//! Where the upstreams are, as the options say.

use http::Uri;

use crate::error::Result;
use crate::http::budget::{Hourly, Limit};
use crate::http::url;
use crate::livetiming::Livetiming;

/// A host that sources read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upstream {
    Jolpica,
    /// The season schedules.
    Schedule,
    Livetiming,
    /// livetiming's mirror.
    Mirror,
}

/// The URLs of all of them.
#[derive(Debug)]
pub struct Upstreams {
    /// Any URL of an Ergast-compatible API.
    pub jolpica: Uri,
    /// How many requests its host may get, from this machine.
    pub jolpica_hour: Limit,
    /// The folder of the season schedules, without a slash at its end.
    pub schedule: Uri,
    pub livetiming: Livetiming,
}

impl Upstreams {
    pub fn url(&self, upstream: Upstream) -> &Uri {
        match upstream {
            Upstream::Jolpica => &self.jolpica,
            Upstream::Schedule => &self.schedule,
            Upstream::Livetiming => &self.livetiming.official,
            Upstream::Mirror => &self.livetiming.mirror,
        }
    }

    /// The host that limits requests by the hour.
    pub fn hourly(&self) -> Hourly {
        Hourly { host: url::authority(&self.jolpica), limit: self.jolpica_hour }
    }

    /// Where the schedule of a season lies.
    pub fn schedule_of(&self, season: i32) -> Result<Uri> {
        url::below(&self.schedule, &format!("schedule_{season}.json"))
    }
}
