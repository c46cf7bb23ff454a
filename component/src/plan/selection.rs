//! Which items a plan is to have, as `f1-ingest backfill` is asked for them.

use crate::error::{Error, Result};
use crate::jolpica::endpoint::{ENDPOINTS, Endpoint, FIRST, OF_A_ROUND, Scope, find};
use crate::schedule;
use crate::session::SessionName;
use crate::source::Source;

/// The options' texts; none is what was not given.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    pub seasons: Option<String>,
    pub rounds: Option<String>,
    pub sessions: Option<String>,
    pub sources: Option<String>,
    pub endpoints: Option<String>,
}

/// An endpoint, and what it is kept of.
pub type Kept = (&'static Endpoint, Scope);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// In ascending order.
    pub seasons: Vec<i32>,
    /// Empty: all.
    pub rounds: Vec<u32>,
    /// Empty: all.
    pub sessions: Vec<SessionName>,
    pub sources: Vec<Source>,
    pub endpoints: Vec<Kept>,
}

impl Selection {
    /// Fails, as wrong usage, with the option's name. `now` is the current year.
    pub fn parse(texts: &Texts, now: i32) -> Result<Selection> {
        let sources = parsed("sources", &texts.sources, Source::list)?.unwrap_or(vec![Source::Jolpica]);
        let sessions = parsed("sessions", &texts.sessions, |text| each(text, SessionName::parse))?;
        let seasons = parsed("seasons", &texts.seasons, |text| seasons(text, now))?;
        let endpoints = parsed("endpoints", &texts.endpoints, |text| each(text, endpoint))?;
        if texts.endpoints.is_some() && !sources.contains(&Source::Jolpica) {
            return Err(Error::usage("--endpoints are Jolpica's: name jolpica in --sources"));
        }
        if sessions.is_some() && !sources.iter().any(|source| source.needs_session()) {
            return Err(Error::usage(
                "--sessions choose nothing of Jolpica: add fastf1 to --sources, or use --endpoints",
            ));
        }
        let by_default = || ENDPOINTS.iter().filter(|it| it.by_default).map(|it| (it, it.scope)).collect();
        Ok(Selection {
            seasons: seasons.ok_or_else(|| {
                Error::usage("--seasons is missing; give years (1950.., 2018..2024, 2024) or `current`")
            })?,
            rounds: parsed("rounds", &texts.rounds, rounds)?.unwrap_or_default(),
            sessions: sessions.unwrap_or_default(),
            sources,
            endpoints: endpoints.unwrap_or_else(by_default),
        })
    }

    pub fn has(&self, source: Source) -> bool {
        self.sources.contains(&source)
    }

    pub fn has_round(&self, round: u32) -> bool {
        self.rounds.is_empty() || self.rounds.contains(&round)
    }
}

fn parsed<T>(
    option: &str,
    text: &Option<String>,
    parse: impl Fn(&str) -> std::result::Result<T, String>,
) -> Result<Option<T>> {
    let parsed = text.as_deref().map(parse).transpose();
    parsed.map_err(|why| Error::usage(format!("--{option}: {why}")))
}

/// Reads what has commas between, each once.
fn each<T: PartialEq>(
    text: &str,
    parse: impl Fn(&str) -> std::result::Result<T, String>,
) -> std::result::Result<Vec<T>, String> {
    let mut all = Vec::new();
    for text in text.split(',') {
        let one = parse(text.trim())?;
        if !all.contains(&one) {
            all.push(one);
        }
    }
    Ok(all)
}

fn endpoint(text: &str) -> std::result::Result<Kept, String> {
    let of_a_round = text.strip_prefix(OF_A_ROUND).and_then(find).filter(|it| it.scope == Scope::Season);
    let found = of_a_round.map(|it| (it, Scope::Round)).or_else(|| find(text).map(|it| (it, it.scope)));
    found.ok_or_else(|| {
        let names: Vec<_> = ENDPOINTS.iter().map(|it| it.name).collect();
        format!("{text:?} is none of {}, nor {OF_A_ROUND} and one that a season has", names.join(", "))
    })
}

/// Reads `1950..`, `2018..2024`, `..1990`, `2024`, `current`, `last` and lists of these. A range includes both its ends.
fn seasons(text: &str, now: i32) -> std::result::Result<Vec<i32>, String> {
    let year = |text: &str, open: i32| match text {
        "" => Ok(open),
        "current" => Ok(now),
        "last" => Ok(now - 1),
        text => schedule::season(text),
    };
    let mut all = Vec::new();
    for text in text.split(',').map(str::trim) {
        let (from, to) = match text.split_once("..") {
            Some((from, to)) => (year(from, FIRST)?, year(to.trim_start_matches('='), now)?),
            None if text.is_empty() => return Err("give years, or `current`".into()),
            None => (year(text, now)?, year(text, now)?),
        };
        if from > to {
            return Err(format!("{text:?} ends before it begins"));
        }
        if to > now {
            return Err(format!("{text:?} has seasons that are not yet; the current one is {now}"));
        }
        all.extend(from..=to);
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

/// Reads `5`, `1..3`, `7..` and lists of these.
fn rounds(text: &str) -> std::result::Result<Vec<u32>, String> {
    /// No season has had so many.
    const MOST: u32 = 99;
    let number = |text: &str, open: u32| match text {
        "" => Ok(open),
        text => text
            .parse()
            .ok()
            .filter(|round| (1..=MOST).contains(round))
            .ok_or(format!("{text:?} is not a round")),
    };
    let mut all = Vec::new();
    for text in text.split(',').map(str::trim) {
        let (from, to) = match text.split_once("..") {
            Some((from, to)) => (number(from, 1)?, number(to.trim_start_matches('='), MOST)?),
            None if text.is_empty() => return Err("give rounds: 5, 1..3".into()),
            None => (number(text, 1)?, number(text, 1)?),
        };
        if from > to {
            return Err(format!("{text:?} ends before it begins"));
        }
        all.extend(from..=to);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seasons_and_rounds_are_numbers_ranges_and_lists() {
        for (text, expected) in [
            ("2024", vec![2024]),
            ("2024..", vec![2024, 2025, 2026]),
            ("..1951", vec![1950, 1951]),
            ("2018..2020,1950,2019", vec![1950, 2018, 2019, 2020]),
            ("current", vec![2026]),
            ("last..current", vec![2025, 2026]),
        ] {
            assert_eq!(seasons(text, 2026), Ok(expected), "{text}");
        }
        for wrong in ["", "1949", "2027", "2024..2020", "2024...", "x", "2024,"] {
            assert!(seasons(wrong, 2026).is_err(), "{wrong}");
        }
        assert_eq!(rounds("1..3, 7"), Ok(vec![1, 2, 3, 7]));
        for wrong in ["", "0", "3..1", "100", "Monaco"] {
            assert!(rounds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_choice_names_its_option() {
        let texts = |option: &str, text: &str| {
            let of = |name: &str| (name == option).then(|| text.to_owned());
            Texts {
                seasons: of("seasons").or(Some("2024".into())),
                rounds: of("rounds"),
                sessions: of("sessions"),
                sources: of("sources"),
                endpoints: of("endpoints"),
            }
        };
        for (option, text) in [
            ("seasons", "x"),
            ("rounds", "x"),
            ("sessions", "R"),
            ("sources", "x"),
            ("endpoints", "round/laps"),
        ] {
            let error = Selection::parse(&texts(option, text), 2026).unwrap_err();
            assert!(error.message.contains(&format!("--{option}")), "{option}: {error}");
        }
        let chosen = Selection::parse(&texts("endpoints", "round/driverStandings,laps"), 2026).unwrap();
        assert!(chosen.endpoints.iter().all(|(_, scope)| *scope == Scope::Round));
    }
}
