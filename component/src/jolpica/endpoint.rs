//! The documents that Jolpica has, one row each.
//!
//! <https://github.com/jolpica/jolpica-f1/blob/main/docs/README.md>

use std::fmt;

/// What a document is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All seasons.
    Everything,
    Season,
    Round,
}

/// One kind of document.
#[derive(Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// As it is asked for: in URLs, in items, in `--endpoints`.
    pub name: &'static str,
    /// What a backfill keeps it of. Documents of a season can be asked for by round as well.
    pub scope: Scope,
    /// The first season that has any.
    pub since: i32,
    /// Whether a backfill keeps it if no endpoints were asked for.
    pub by_default: bool,
}

const fn endpoint(name: &'static str, scope: Scope, since: i32, by_default: bool) -> Endpoint {
    Endpoint { name, scope, since, by_default }
}

/// The first season.
pub const FIRST: i32 = 1950;

/// All of them, in the order in which a plan has them. The dump is all tables in one file, which Jolpica makes now and then.
pub const ENDPOINTS: &[Endpoint] = &[
    endpoint("seasons", Scope::Everything, FIRST, true),
    endpoint("circuits", Scope::Everything, FIRST, true),
    endpoint("drivers", Scope::Everything, FIRST, true),
    endpoint("constructors", Scope::Everything, FIRST, true),
    endpoint("status", Scope::Everything, FIRST, true),
    endpoint("races", Scope::Season, FIRST, true),
    endpoint("results", Scope::Season, FIRST, true),
    endpoint("qualifying", Scope::Season, 1994, true),
    endpoint("sprint", Scope::Season, 2021, true),
    endpoint("driverStandings", Scope::Season, FIRST, true),
    endpoint("constructorStandings", Scope::Season, 1958, true),
    endpoint("pitstops", Scope::Round, 2011, true),
    endpoint("laps", Scope::Round, 1996, false),
    endpoint(DUMP, Scope::Everything, FIRST, false),
];

/// The database, as a zip of CSV files.
const DUMP: &str = "dump";

/// Documents of a round that a season has one of as well: `--endpoints round/driverStandings`.
pub const OF_A_ROUND: &str = "round/";

/// The endpoint of this name.
pub fn find(name: &str) -> Option<&'static Endpoint> {
    ENDPOINTS.iter().find(|endpoint| endpoint.name == name)
}

/// One document: an endpoint, and what it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub endpoint: &'static Endpoint,
    pub season: Option<i32>,
    pub round: Option<u32>,
}

impl Table {
    /// Reads `seasons`, `2024/results` or `2024/05/pitstops`.
    pub fn parse(text: &str) -> Option<Table> {
        let parts: Vec<&str> = text.split('/').collect();
        let (name, of) = parts.split_last()?;
        let endpoint = find(name)?;
        let (season, round) = match of {
            [] => (None, None),
            [season] => (Some(season.parse().ok()?), None),
            [season, round] => (Some(season.parse().ok()?), Some(round.parse().ok()?)),
            _ => return None,
        };
        let table = Table { endpoint, season, round };
        let is_possible = match endpoint.scope {
            Scope::Everything => season.is_none(),
            Scope::Season => season.is_some(),
            Scope::Round => round.is_some(),
        };
        let is_had = season.is_none_or(|season| season >= endpoint.since) && round != Some(0);
        (is_possible && is_had && table.to_string() == text).then_some(table)
    }

    pub fn is_dump(&self) -> bool {
        self.endpoint.name == DUMP
    }

    /// Where it lies below the API: Jolpica counts rounds without a zero in front.
    pub fn path(&self) -> String {
        let name = self.endpoint.name;
        match (self.season, self.round) {
            (Some(season), Some(round)) => format!("{season}/{round}/{name}.json"),
            (Some(season), None) => format!("{season}/{name}.json"),
            _ => format!("{name}.json"),
        }
    }

    /// What a document of it says of itself: names and values.
    pub fn metadata(&self) -> Vec<(&'static str, String)> {
        let season = self.season.map(|season| ("season", season.to_string()));
        let round = self.round.map(|round| ("round", round.to_string()));
        season.into_iter().chain(round).collect()
    }
}

/// The end of its item's name: `2024/05/pitstops`.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(season) = self.season {
            write!(f, "{season}/")?;
        }
        if let Some(round) = self.round {
            write!(f, "{round:02}/")?;
        }
        f.write_str(self.endpoint.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_is_asked_for() {
        for (name, path) in [
            ("seasons", "seasons.json"),
            ("2024/results", "2024/results.json"),
            ("2024/05/pitstops", "2024/5/pitstops.json"),
            ("2024/12/driverStandings", "2024/12/driverStandings.json"),
        ] {
            let table = Table::parse(name).unwrap();
            assert_eq!((table.to_string().as_str(), table.path().as_str()), (name, path));
        }
    }

    #[test]
    fn what_the_api_does_not_have_has_no_name() {
        for wrong in [
            "",
            "results",
            "2024/seasons",
            "2024/pitstops",
            "2010/05/pitstops",
            "1993/qualifying",
            "2024/5/results",
            "2024/00/results",
            "2024/05/06/results",
            "2024/nonsense",
            "-2024/results",
            "+2024/results",
        ] {
            assert_eq!(Table::parse(wrong), None, "{wrong}");
        }
    }
}
