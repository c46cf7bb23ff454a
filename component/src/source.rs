//! What can be asked for: the sources, and one document of a source.

use crate::jolpica::{self, Table};
use crate::schedule::SessionRequest;
use crate::session::{FIRST_SEASON, SessionId, SessionName};
use crate::upstreams::Upstream;

/// Where a document comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A file of the user's.
    Mock,
    Jolpica,
    /// FastF1's tables.
    Fastf1,
    Telemetry,
    /// The raw feeds.
    Livetiming,
}

/// What a session is chosen from, and what is read of it.
const OF_A_SESSION: &[Upstream] =
    &[Upstream::Jolpica, Upstream::Schedule, Upstream::Livetiming, Upstream::Mirror];

impl Source {
    /// All of them, in the order in which a run takes them.
    pub const ALL: &[Source] =
        &[Source::Mock, Source::Jolpica, Source::Fastf1, Source::Telemetry, Source::Livetiming];

    /// Its name, whether it needs a session, whether it is streamed, and the upstreams that it reaches.
    fn row(self) -> (&'static str, bool, bool, &'static [Upstream]) {
        match self {
            Source::Mock => ("mock", false, false, &[]),
            Source::Jolpica => ("jolpica", false, false, &[Upstream::Jolpica]),
            Source::Fastf1 => ("fastf1", true, false, OF_A_SESSION),
            Source::Telemetry => ("telemetry", true, true, OF_A_SESSION),
            Source::Livetiming => ("livetiming", true, true, OF_A_SESSION),
        }
    }

    /// Its name in keys, metadata, logs and reports.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// Whether its document is of one session.
    pub fn needs_session(self) -> bool {
        self.row().1
    }

    /// Whether its document is made while it is read, and can be made again.
    pub fn is_streamed(self) -> bool {
        self.row().2
    }

    pub fn parse(name: &str) -> Option<Source> {
        Source::ALL.iter().find(|source| source.name() == name).copied()
    }

    /// Reads `--sources`: names with commas between them. `mock` is no upstream's.
    pub fn list(text: &str) -> Result<Vec<Source>, String> {
        let known = || Source::ALL.iter().filter(|source| **source != Source::Mock);
        let asked: Vec<&str> = text.split(',').map(str::trim).collect();
        if let Some(other) = asked.iter().find(|name| !known().any(|source| source.name() == **name)) {
            let names: Vec<_> = known().map(|source| source.name()).collect();
            return Err(format!("{other:?} is none of {}", names.join(", ")));
        }
        Ok(known().filter(|source| asked.contains(&source.name())).copied().collect())
    }
}

/// One document to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub source: Source,
    pub of: Of,
}

/// What an item is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// The file that `--mock-file` names, or the document that `--jolpica-url` does.
    Option,
    Session(SessionRequest),
    /// One of Jolpica's documents.
    Table(Table),
}

impl Item {
    /// Reads an item's name, the middle of its key: `jolpica/2024/results`, `fastf1/2024/05/Q`.
    pub fn parse(name: &str) -> Result<Item, String> {
        let item = name.split_once('/').and_then(|(source, rest)| match Source::parse(source)? {
            Source::Mock => None,
            source @ Source::Jolpica => Some(Item { source, of: Of::Table(Table::parse(rest)?) }),
            source => Some(Item { source, of: Of::Session(session(rest)?) }),
        });
        item.ok_or_else(|| {
            format!("{name:?} is not an item; they are like jolpica/2024/results, jolpica/2024/05/pitstops, fastf1/2024/05/Q")
        })
    }

    /// Reads `--items`: names with commas between them.
    pub fn list(text: &str) -> Result<Vec<Item>, String> {
        text.split(',').map(|name| Item::parse(name.trim())).collect()
    }

    /// The session that was asked for.
    pub fn session(&self) -> Option<&SessionRequest> {
        match &self.of {
            Of::Session(request) => Some(request),
            Of::Option | Of::Table(_) => None,
        }
    }

    /// The upstreams that it is made from.
    pub fn upstreams(&self) -> &'static [Upstream] {
        match self.session() {
            // A schedule has to tell which session it is.
            Some(request) if request.exact().is_none() => OF_A_SESSION,
            _ => self.source.row().3,
        }
    }

    /// Whether it is made of all that Jolpica has, in one file.
    pub fn is_dump(&self) -> bool {
        matches!(&self.of, Of::Table(table) if table.is_dump())
    }

    /// The item's name, the middle of its key: the source, and what was asked for, if it was asked for by name.
    pub fn name(&self, chosen: Option<SessionId>) -> String {
        let source = self.source.name();
        if let Of::Table(table) = &self.of {
            return format!("{source}/{table}");
        }
        let is_by_name = self.session().is_some_and(SessionRequest::is_by_name);
        match chosen.filter(|_| is_by_name) {
            None => source.to_owned(),
            Some(SessionId { season, round, name }) => {
                let document = match self.source {
                    Source::Jolpica => jolpica::results_of(name).unwrap_or_default(),
                    _ => name.abbreviation(),
                };
                format!("{source}/{season}/{round:02}/{document}")
            }
        }
    }
}

/// Reads `2024/05/Q`.
fn session(text: &str) -> Option<SessionRequest> {
    let (season, rest) = text.split_once('/')?;
    let (round, name) = rest.split_once('/')?;
    let (season, round) = (season.parse().ok()?, round.parse().ok()?);
    let name = SessionName::parse(name).ok()?;
    let is_had = season >= FIRST_SEASON && round > 0;
    let is_written_so = format!("{season}/{round:02}/{}", name.in_season(season).abbreviation()) == text;
    (is_had && is_written_so).then(|| SessionId { season, round, name }.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Round;

    #[test]
    fn a_list_of_sources_has_each_once_in_the_order_of_a_run() {
        let expected = vec![Source::Jolpica, Source::Telemetry];
        assert_eq!(Source::list("telemetry, jolpica,telemetry"), Ok(expected));
        for (wrong, named) in [("", "\"\""), ("fastf1,", "\"\""), ("mock", "mock"), ("FastF1", "FastF1")] {
            let error = Source::list(wrong).unwrap_err();
            assert!(error.contains(named) && error.contains("jolpica, fastf1"), "{wrong}: {error}");
        }
        for source in Source::ALL {
            assert_eq!(Source::parse(source.name()), Some(*source));
        }
    }

    #[test]
    fn a_name_says_which_session_if_one_was_asked_for() {
        let open = SessionRequest { season: None, round: None, session: None, as_of: None };
        let named = SessionRequest { round: Some(Round::Number(5)), ..open.clone() };
        let chosen = Some(SessionId { season: 2024, round: 5, name: SessionName::Qualifying });
        let item = |source, session: &SessionRequest| Item { source, of: Of::Session(session.clone()) };
        assert_eq!(item(Source::Fastf1, &named).name(chosen), "fastf1/2024/05/Q");
        assert_eq!(item(Source::Jolpica, &named).name(chosen), "jolpica/2024/05/qualifying");
        assert_eq!(item(Source::Fastf1, &open).name(chosen), "fastf1");
        assert_eq!(item(Source::Fastf1, &named).name(None), "fastf1");
        assert_eq!(Item { source: Source::Jolpica, of: Of::Option }.name(chosen), "jolpica");
    }

    #[test]
    fn an_item_is_read_back_from_its_name() {
        for name in [
            "jolpica/seasons",
            "jolpica/dump",
            "jolpica/2024/05/pitstops",
            "fastf1/2024/05/SQ",
            "livetiming/2018/21/R",
        ] {
            let item = Item::parse(name).unwrap();
            assert_eq!(item.name(item.session().and_then(SessionRequest::exact)), name);
        }
        for wrong in [
            "",
            "jolpica",
            "mock/a",
            "fastf1/2024/5/Q",
            "fastf1/2017/05/Q",
            "fastf1/2022/04/SQ",
            "fastf1/seasons",
        ] {
            assert!(Item::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Item::list("jolpica/seasons, fastf1/2024/05/Q").unwrap().len(), 2);
    }
}
