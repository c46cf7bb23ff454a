//! What each of the API's 13 endpoints gives, row for row.

use std::collections::BTreeMap;

use super::history::{CIRCUITS, Entry, History, Round};
use crate::synthetic::clock::lap_time;
use crate::synthetic::json::Json;

/// One row, and the objects that it lies in, from the outside in: each without its list, and the list's name.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub within: Vec<(Json, &'static str)>,
    pub row: Json,
}

/// What a path asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    pub season: Option<i32>,
    pub round: Option<i64>,
    pub lap: Option<i64>,
}

/// An endpoint: its name, its table and list, what the path has to name, since when there is something, its rows.
pub struct Endpoint {
    pub name: &'static str,
    pub table: &'static str,
    pub list: &'static str,
    pub needs: Needs,
    since: i32,
    rows: fn(&History, &Query, &[Round]) -> Vec<Row>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Needs {
    Nothing,
    Season,
    Round,
}

use Needs::{Nothing, Season};

const fn endpoint(
    name: &'static str,
    (table, list): (&'static str, &'static str),
    needs: Needs,
    since: i32,
    rows: fn(&History, &Query, &[Round]) -> Vec<Row>,
) -> Endpoint {
    Endpoint { name, table, list, needs, since, rows }
}

const RACES: (&str, &str) = ("RaceTable", "Races");
const STANDINGS: (&str, &str) = ("StandingsTable", "StandingsLists");

pub const ENDPOINTS: [Endpoint; 13] = [
    endpoint("seasons", ("SeasonTable", "Seasons"), Nothing, 0, seasons),
    endpoint("circuits", ("CircuitTable", "Circuits"), Nothing, 0, circuits),
    endpoint("races", RACES, Nothing, 0, races),
    endpoint("results", RACES, Nothing, 0, results),
    endpoint("sprint", RACES, Nothing, 2021, sprint),
    endpoint("qualifying", RACES, Nothing, 1994, qualifying),
    endpoint("pitstops", RACES, Needs::Round, 2011, pit_stops),
    endpoint("laps", RACES, Needs::Round, 1996, laps),
    endpoint("driverStandings", STANDINGS, Season, 0, driver_standings),
    endpoint("constructorStandings", STANDINGS, Season, 1958, constructor_standings),
    endpoint("status", ("StatusTable", "Status"), Nothing, 0, status),
    endpoint("drivers", ("DriverTable", "Drivers"), Nothing, 0, drivers),
    endpoint("constructors", ("ConstructorTable", "Constructors"), Nothing, 0, constructors),
];

impl Endpoint {
    pub fn named(name: &str) -> Option<&'static Endpoint> {
        ENDPOINTS.iter().find(|endpoint| endpoint.name.eq_ignore_ascii_case(name))
    }

    /// All rows that a query has.
    pub fn rows(&self, history: &History, query: &Query) -> Vec<Row> {
        let seasons = history.seasons().filter(|season| query.season.is_none_or(|wanted| wanted == *season));
        let rounds = seasons.filter(|season| *season >= self.since).flat_map(|season| {
            let numbers =
                history.rounds(season).filter(|number| query.round.is_none_or(|wanted| wanted == *number));
            numbers.map(move |number| history.round(season, number))
        });
        // The calendar is known ahead.
        let known = rounds
            .filter(|round| ["races", "circuits", "seasons"].contains(&self.name) || history.has_been(round));
        (self.rows)(history, query, &known.collect::<Vec<_>>())
    }
}

fn page(of: &str) -> Json {
    format!("https://encyclopedia.example/{of}").into()
}

fn plain(row: Json) -> Row {
    Row { within: vec![], row }
}

/// Two syllables of their own for each number; not all of them ASCII.
fn word(n: usize) -> String {
    const SYLLABLES: [&str; 32] = [
        "ba", "bel", "ca", "dé", "dor", "e", "fa", "gri", "hu", "in", "jo", "ka", "lö", "ma", "nel", "o",
        "pi", "qua", "ro", "sã", "ta", "ul", "ver", "wi", "xa", "yl", "zu", "ster", "men", "ran", "tic",
        "vo",
    ];
    let word = format!("{}{}", SYLLABLES[n % 32], SYLLABLES[n / 32 % 32]);
    let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
    first.to_uppercase() + rest
}

fn id(kind: &str, n: usize) -> String {
    format!("{kind}_{n}")
}

fn driver(n: usize, season: i32) -> Json {
    let mut driver = Json::with([("driverId", id("driver", n).into())]);
    if season >= 2014 {
        driver.set("permanentNumber", (n % 99 + 1).to_string());
        driver.set("code", word(n).chars().filter(char::is_ascii).take(3).collect::<String>().to_uppercase());
    }
    driver.set("url", page(&id("driver", n)));
    driver.set("givenName", word(n * 7 + 3));
    driver.set("familyName", word(n));
    driver.set("dateOfBirth", format!("{}-0{}-1{}", 1920 + n / 11, n % 9 + 1, n % 10));
    driver.set("nationality", word(n % 40) + "ian");
    driver
}

fn constructor(n: usize) -> Json {
    Json::with([
        ("constructorId", id("team", n).into()),
        ("url", page(&id("team", n))),
        ("name", format!("{} \"{n}\"", word(n * 5 + 1)).into()),
        ("nationality", (word(n % 40) + "ian").into()),
    ])
}

fn circuit(n: usize) -> Json {
    Json::with([
        ("circuitId", id("circuit", n).into()),
        ("url", page(&id("circuit", n))),
        ("circuitName", format!("Autódromo {}", word(n * 3)).into()),
        ("Location.lat", format!("{}.{n:04}", n % 60).into()),
        ("Location.long", format!("-{}.5", n).into()),
        ("Location.locality", word(n * 3).into()),
        ("Location.country", word(n % 30).into()),
    ])
}

fn race(round: &Round) -> Json {
    let mut race = Json::with([
        ("season", round.season.to_string().into()),
        ("round", round.number.to_string().into()),
        ("url", page(&format!("{}_{}", round.season, id("circuit", round.circuit)))),
        ("raceName", format!("{} Grand Prix", word(round.circuit * 3)).into()),
        ("Circuit", circuit(round.circuit)),
        ("date", round.date.to_string().into()),
    ]);
    if round.season >= 2005 {
        race.set("time", "13:00:00Z");
    }
    race
}

fn seasons(_: &History, _: &Query, rounds: &[Round]) -> Vec<Row> {
    let mut seasons: Vec<i32> = rounds.iter().map(|round| round.season).collect();
    seasons.dedup();
    let season = |season: &i32| {
        Json::with([("season", season.to_string().into()), ("url", page(&format!("{season}_season")))])
    };
    seasons.iter().map(season).map(plain).collect()
}

fn circuits(_: &History, _: &Query, rounds: &[Round]) -> Vec<Row> {
    let used = |n: &usize| rounds.iter().any(|round| round.circuit == *n);
    (0..CIRCUITS).filter(used).map(circuit).map(plain).collect()
}

fn races(_: &History, _: &Query, rounds: &[Round]) -> Vec<Row> {
    let row = |round: &Round| {
        let mut row = race(round);
        if round.season >= 2022 {
            row.set("Qualifying.date", round.date.pred_opt().unwrap_or(round.date).to_string());
            row.set("Qualifying.time", "14:00:00Z");
        }
        if round.has_sprint {
            row.set("Sprint.date", round.date.pred_opt().unwrap_or(round.date).to_string());
            row.set("Sprint.time", "10:00:00Z");
        }
        plain(row)
    };
    rounds.iter().map(row).collect()
}

/// Rows of each race, in `list`.
fn within_races(rounds: &[Round], list: &'static str, rows: impl Fn(&Round) -> Vec<Json>) -> Vec<Row> {
    let rows = rounds.iter().flat_map(|round| {
        let race = race(round);
        rows(round).into_iter().map(move |row| Row { within: vec![(race.clone(), list)], row })
    });
    rows.collect()
}

fn classified(round: &Round, place: usize, entry: &Entry) -> Json {
    let place = place as i64 + 1;
    let text = if entry.status == "Disqualified" { "D".into() } else { place.to_string() };
    let mut row = Json::with([
        ("number", entry.car.to_string().into()),
        ("position", place.to_string().into()),
        ("positionText", text.into()),
        ("points", entry.points.to_string().into()),
        ("Driver", driver(entry.driver, round.season)),
        ("Constructor", constructor(entry.team)),
        ("grid", entry.grid.to_string().into()),
        ("laps", entry.laps.to_string().into()),
        ("status", entry.status.into()),
    ]);
    if entry.status == "Finished" {
        let millis = round.laps * 90_000 + place * 1_717;
        row.set("Time.millis", millis.to_string());
        row.set("Time.time", if place == 1 { "1:33:56.736".into() } else { format!("+{place}.717") });
    }
    if round.season >= 2004 && entry.laps > 0 {
        row.set("FastestLap.rank", place.to_string());
        row.set("FastestLap.lap", entry.laps.to_string());
        row.set("FastestLap.Time.time", lap_time(88_000 + place * 91));
    }
    row
}

fn results(_: &History, _: &Query, rounds: &[Round]) -> Vec<Row> {
    within_races(rounds, "Results", |round| {
        round.entries.iter().enumerate().map(|(place, entry)| classified(round, place, entry)).collect()
    })
}

fn sprint(_: &History, _: &Query, rounds: &[Round]) -> Vec<Row> {
    within_races(rounds, "SprintResults", |round| {
        let entries = round.entries.iter().rev().filter(|_| round.has_sprint);
        entries.enumerate().map(|(place, entry)| classified(round, place, entry)).collect()
    })
}

fn qualifying(_: &History, _: &Query, rounds: &[Round]) -> Vec<Row> {
    within_races(rounds, "QualifyingResults", |round| {
        let mut entries: Vec<&Entry> = round.entries.iter().collect();
        entries.sort_by_key(|entry| entry.grid);
        let row = |(place, entry): (i64, &&Entry)| {
            let mut row = Json::with([
                ("number", entry.car.to_string().into()),
                ("position", place.to_string().into()),
                ("Driver", driver(entry.driver, round.season)),
                ("Constructor", constructor(entry.team)),
                ("Q1", lap_time(90_000 + place * 101).into()),
            ]);
            if round.season >= 2006 && place <= 15 {
                row.set("Q2", lap_time(89_000 + place * 97));
            }
            row
        };
        (1..).zip(&entries).map(row).collect()
    })
}

fn pit_stops(_: &History, _: &Query, rounds: &[Round]) -> Vec<Row> {
    within_races(rounds, "PitStops", |round| {
        let stops = round.entries.iter().flat_map(|entry| (1..=entry.stops).map(move |stop| (stop, entry)));
        let mut stops: Vec<(i64, i64, &Entry)> =
            stops.map(|(stop, entry)| (entry.laps * stop / (entry.stops + 1), stop, entry)).collect();
        stops.sort_by_key(|(lap, stop, entry)| (*lap, *stop, entry.grid));
        let row = |(lap, stop, entry): &(i64, i64, &Entry)| {
            Json::with([
                ("driverId", id("driver", entry.driver).into()),
                ("lap", lap.to_string().into()),
                ("stop", stop.to_string().into()),
                ("time", format!("14:{:02}:{:02}", lap % 60, entry.grid % 60).into()),
                ("duration", format!("2{}.{:03}", stop, entry.grid * 17).into()),
            ])
        };
        stops.iter().map(row).collect()
    })
}

fn laps(_: &History, query: &Query, rounds: &[Round]) -> Vec<Row> {
    let mut rows = Vec::new();
    for round in rounds {
        for lap in (1..=round.laps).filter(|lap| query.lap.is_none_or(|wanted| wanted == *lap)) {
            let within =
                vec![(race(round), "Laps"), (Json::with([("number", lap.to_string().into())]), "Timings")];
            for (place, entry) in (1..).zip(round.entries.iter().filter(|entry| entry.laps >= lap)) {
                let row = Json::with([
                    ("driverId", id("driver", entry.driver).into()),
                    ("position", i64::to_string(&place).into()),
                    ("time", lap_time(90_000 + (place * 37 + lap * 11) % 4_000).into()),
                ]);
                rows.push(Row { within: within.clone(), row });
            }
        }
    }
    rows
}

/// The standings after the last of the rounds, of those that `of` tells apart.
fn standings(
    history: &History,
    rounds: &[Round],
    list: &'static str,
    of: impl Fn(&Entry) -> usize,
    who: impl Fn(&mut Json, &Entry, i32),
) -> Vec<Row> {
    let Some(last) = rounds.last() else { return vec![] };
    let mut sums: BTreeMap<usize, (i64, i64, Entry)> = BTreeMap::new();
    for number in 1..=last.number {
        for (place, entry) in history.round(last.season, number).entries.into_iter().enumerate() {
            let sum = sums.entry(of(&entry)).or_insert((0, 0, entry.clone()));
            sum.0 += entry.points;
            sum.1 += i64::from(place == 0);
        }
    }
    let mut sums: Vec<_> = sums.into_values().collect();
    sums.sort_by_key(|(points, wins, entry)| (-points, -wins, entry.driver));
    let head =
        Json::with([("season", last.season.to_string().into()), ("round", last.number.to_string().into())]);
    let row = |(place, (points, wins, entry)): (i64, (i64, i64, Entry))| {
        let mut row = Json::with([
            ("position", place.to_string().into()),
            ("positionText", place.to_string().into()),
            ("points", points.to_string().into()),
            ("wins", wins.to_string().into()),
        ]);
        who(&mut row, &entry, last.season);
        Row { within: vec![(head.clone(), list)], row }
    };
    (1..).zip(sums).map(row).collect()
}

fn driver_standings(history: &History, _: &Query, rounds: &[Round]) -> Vec<Row> {
    standings(
        history,
        rounds,
        "DriverStandings",
        |entry| entry.driver,
        |row, entry, season| {
            row.set("Driver", driver(entry.driver, season));
            row.set("Constructors", Json::List(vec![constructor(entry.team)]));
        },
    )
}

fn constructor_standings(history: &History, _: &Query, rounds: &[Round]) -> Vec<Row> {
    standings(
        history,
        rounds,
        "ConstructorStandings",
        |entry| entry.team,
        |row, entry, _| {
            row.set("Constructor", constructor(entry.team));
        },
    )
}

fn status(_: &History, _: &Query, rounds: &[Round]) -> Vec<Row> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in rounds.iter().flat_map(|round| &round.entries) {
        *counts.entry(entry.status).or_default() += 1;
    }
    let row = |(n, (status, count)): (usize, (&str, usize))| {
        Json::with([
            ("statusId", n.to_string().into()),
            ("count", count.to_string().into()),
            ("status", status.into()),
        ])
    };
    (1..).zip(counts).map(row).map(plain).collect()
}

/// Those of some rounds, each once.
fn distinct(rounds: &[Round], of: impl Fn(&Entry) -> usize) -> Vec<usize> {
    let mut all: Vec<usize> = rounds.iter().flat_map(|round| &round.entries).map(of).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn drivers(_: &History, query: &Query, rounds: &[Round]) -> Vec<Row> {
    let season = query.season.unwrap_or(2026);
    distinct(rounds, |entry| entry.driver).into_iter().map(|n| plain(driver(n, season))).collect()
}

fn constructors(_: &History, _: &Query, rounds: &[Round]) -> Vec<Row> {
    distinct(rounds, |entry| entry.team).into_iter().map(constructor).map(plain).collect()
}
