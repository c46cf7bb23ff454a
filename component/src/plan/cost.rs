//! What an item costs its upstreams in requests, as far as it can be known before it is asked for.

use crate::jolpica::Table;
use crate::session::SessionName;
use crate::source::Source;
use crate::upstreams::Upstream;

/// Rows in one answer of Jolpica's at most.
const PAGE: u32 = 100;

/// Requests to each upstream.
pub type Cost = Vec<(Upstream, u32)>;

/// Of a document of Jolpica's; `rounds` has its season.
pub fn of_table(table: &Table, rounds: u32) -> Cost {
    let races = if table.round.is_some() { 1 } else { rounds };
    let season = table.season.unwrap_or_default();
    let rows = match table.endpoint.name {
        "seasons" | "circuits" => PAGE,
        "dump" => 2 * PAGE,
        "drivers" => 900,
        "constructors" => 220,
        "status" => 140,
        "results" | "qualifying" => races * starters(season),
        "sprint" if table.round.is_none() => 6 * starters(season),
        "laps" => 60 * starters(season),
        _ => PAGE,
    };
    vec![(Upstream::Jolpica, rows.div_ceil(PAGE).max(1))]
}

/// How many races a season had, if no schedule was asked for.
pub fn rounds_of(season: i32) -> u32 {
    match season {
        ..1970 => 10,
        1970..2005 => 16,
        2005..2016 => 19,
        2016.. => 22,
    }
}

/// Drivers in a race.
fn starters(season: i32) -> u32 {
    match season {
        ..1996 => 28,
        1996..2017 => 22,
        2017.. => 20,
    }
}

/// Of a document that is made from a session.
pub fn of_session(source: Source, name: SessionName) -> Cost {
    let is_race = matches!(name, SessionName::Race | SessionName::Sprint);
    let (jolpica, feeds) = match source {
        Source::Fastf1 => (if is_race { 2 } else { 1 }, 10),
        Source::Telemetry => (0, 5),
        _ => (0, 31),
    };
    let all = [(Upstream::Schedule, 1), (Upstream::Jolpica, jolpica), (Upstream::Livetiming, feeds)];
    all.into_iter().filter(|(_, requests)| *requests > 0).collect()
}
