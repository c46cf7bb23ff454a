//! Jolpica's documents about the weekend: the season, and the results that FastF1 asks for.

use super::clock::{gap, lap_time};
use super::json::Json;
use super::story::{Car, Fate, Lap, Story};
use super::weekend::{Driver, Event, Weekend};
use super::{Kind, Plan};

const POINTS: [i64; 10] = [25, 18, 15, 12, 10, 8, 6, 4, 2, 1];
const SPRINT_POINTS: [i64; 8] = [8, 7, 6, 5, 4, 3, 2, 1];

/// Paths below `https://api.jolpi.ca/ergast/f1/` and what lies there.
pub fn documents(plan: &Plan, story: &Story) -> Vec<(String, Json)> {
    let weekend = &story.weekend;
    let (season, round) = (weekend.season, weekend.event().round);
    let mut documents = vec![(format!("{season}.json"), season_races(weekend))];
    if !plan.results {
        return documents;
    }
    let mut add = |endpoint: &str, table: &str, rows: Vec<Json>, total: usize| {
        let path = format!("{season}/{round}/{endpoint}.json");
        let mut race = race(weekend, weekend.event());
        race.set(table, Json::List(rows));
        // No rows: no race either.
        let races = if total > 0 { vec![race] } else { vec![] };
        documents.push((path.clone(), response(&path, total, season, Some(round), races)));
    };
    match plan.kind {
        Kind::Race => {
            let rows = race_results(plan, story, "results");
            add("results", "Results", rows.clone(), rows.len());
            let timings = first_lap(story);
            let laps = Json::with([("number", "1".into()), ("Timings", Json::List(timings.clone()))]);
            // Lap times come later than results do.
            let known = !plan.oddity(4, 0);
            add(
                "laps/1",
                "Laps",
                if known { vec![laps] } else { vec![] },
                if known { timings.len() } else { 0 },
            );
        }
        Kind::Sprint => {
            let rows = race_results(plan, story, "sprint");
            add("sprint", "SprintResults", rows.clone(), rows.len());
        }
        Kind::Qualifying => {
            let rows = qualifying_results(plan, story);
            add("qualifying", "QualifyingResults", rows.clone(), rows.len());
        }
        // FastF1 takes the race's list of drivers for a practice.
        Kind::Practice => {
            let race = Plan { kind: Kind::Race, laps: 9, ..plan.clone() };
            let rows = race_results(&race, &Story::new(&race), "results");
            add("results", "Results", rows.clone(), rows.len());
        }
        Kind::SprintQualifying => {}
    }
    if let Some((_, results)) = documents.iter().find(|(path, _)| path.ends_with("/results.json")).cloned() {
        documents.push(("current/last/results.json".into(), results));
    }
    documents
}

fn response(path: &str, total: usize, season: i32, round: Option<i64>, races: Vec<Json>) -> Json {
    let mut data = Json::with([
        ("MRData.xmlns", "".into()),
        ("MRData.series", "f1".into()),
        ("MRData.url", format!("https://api.jolpi.ca/ergast/f1/{path}").into()),
        ("MRData.limit", "30".into()),
        ("MRData.offset", "0".into()),
        ("MRData.total", total.to_string().into()),
        ("MRData.RaceTable.season", season.to_string().into()),
    ]);
    if let Some(round) = round {
        data.set("MRData.RaceTable.round", round.to_string());
    }
    data.set("MRData.RaceTable.Races", Json::List(races));
    data
}

fn race(weekend: &Weekend, event: &Event) -> Json {
    let slot = event.slots.last();
    let utc = slot.map(|slot| event.utc(slot)).unwrap_or_default();
    Json::with([
        ("season", weekend.season.to_string().into()),
        ("round", event.round.to_string().into()),
        ("url", format!("https://encyclopedia.example/{}", event.circuit_id()).into()),
        ("raceName", event.name.as_str().into()),
        ("Circuit.circuitId", event.circuit_id().into()),
        ("Circuit.url", format!("https://encyclopedia.example/{}", event.circuit_id()).into()),
        ("Circuit.circuitName", event.circuit.into()),
        ("Circuit.Location.lat", "12.3456".into()),
        ("Circuit.Location.long", "-65.4321".into()),
        ("Circuit.Location.locality", event.location.into()),
        ("Circuit.Location.country", event.country.into()),
        ("date", utc.format("%Y-%m-%d").to_string().into()),
        ("time", utc.format("%H:%M:%SZ").to_string().into()),
    ])
}

fn season_races(weekend: &Weekend) -> Json {
    let races: Vec<Json> = weekend
        .calendar
        .iter()
        .filter(|event| event.round > 0)
        .map(|event| {
            let mut race = race(weekend, event);
            for slot in event.slots.iter().filter(|slot| slot.name != "Race") {
                let name = match slot.name {
                    "Practice 1" => "FirstPractice",
                    "Practice 2" => "SecondPractice",
                    "Practice 3" => "ThirdPractice",
                    "Sprint Qualifying" | "Sprint Shootout" => "SprintQualifying",
                    name => name,
                };
                let utc = event.utc(slot);
                race.set(&format!("{name}.date"), utc.format("%Y-%m-%d").to_string());
                race.set(&format!("{name}.time"), utc.format("%H:%M:%SZ").to_string());
            }
            race
        })
        .collect();
    response(&format!("{}.json", weekend.season), races.len(), weekend.season, None, races)
}

fn driver(driver: &Driver) -> Json {
    Json::with([
        ("driverId", driver.id().into()),
        ("permanentNumber", driver.permanent.to_string().into()),
        ("code", driver.tla().into()),
        ("url", format!("https://encyclopedia.example/{}", driver.id()).into()),
        ("givenName", driver.first.into()),
        ("familyName", driver.last.into()),
        ("dateOfBirth", "1999-02-03".into()),
        ("nationality", driver.country.into()),
    ])
}

fn constructor(driver: &Driver) -> Json {
    let team = driver.team();
    Json::with([
        ("constructorId", team.id.into()),
        ("url", format!("https://encyclopedia.example/{}", team.id).into()),
        ("name", team.name.into()),
        ("nationality", "Alder".into()),
    ])
}

/// The classification: those who finished by laps and time, then the others by how far they got.
fn classified(story: &Story) -> Vec<&Car> {
    let mut cars: Vec<&Car> = story.cars.iter().collect();
    let out = |car: &Car| match car.fate {
        Fate::Running => 0,
        Fate::Withdrew => 2,
        _ => 1,
    };
    cars.sort_by_key(|car| (out(car), -car.lap_count(), car.last_line(), car.grid));
    cars
}

fn race_results(plan: &Plan, story: &Story, endpoint: &str) -> Vec<Json> {
    let points: &[i64] = if endpoint == "sprint" { &SPRINT_POINTS } else { &POINTS };
    let cars = classified(story);
    let winner = cars.first().map(|car| (car.lap_count(), car.last_line()));
    let (laps, time) = winner.unwrap_or_default();
    let best = |car: &Car| car.laps.iter().filter(|lap| lap.timed && lap.crosses_line).map(Lap::time).min();
    cars.iter()
        .enumerate()
        .map(|(i, car)| {
            // The last to finish is thrown out after the race, if there are enough.
            let thrown_out =
                plan.quirks && i + 1 == cars.iter().filter(|car| car.fate == Fate::Running).count() && i > 4;
            let (text, status) = match car.fate {
                Fate::Running if thrown_out => ("D".to_owned(), "Disqualified".to_owned()),
                Fate::Running if car.lap_count() == laps => ((i + 1).to_string(), "Finished".to_owned()),
                Fate::Running => ((i + 1).to_string(), lapped(story.weekend.season, laps - car.lap_count())),
                // Nine tenths of the distance count as having finished.
                Fate::StoppedOnTrack { .. } | Fate::RetiredInPit if car.lap_count() * 10 >= laps * 9 => {
                    ((i + 1).to_string(), "Gearbox".to_owned())
                }
                Fate::StoppedOnTrack { .. } => ("R".to_owned(), "Accident".to_owned()),
                Fate::RetiredInPit => ("R".to_owned(), "Power Unit".to_owned()),
                Fate::CrashedAtStart => ("R".to_owned(), "Collision".to_owned()),
                Fate::Withdrew => ("W".to_owned(), "Did not start".to_owned()),
            };
            let point =
                points.get(i).filter(|_| car.fate == Fate::Running && !thrown_out).copied().unwrap_or(0);
            let mut row = Json::with([
                ("number", car.driver.number.to_string().into()),
                ("position", (i + 1).to_string().into()),
                ("positionText", text.into()),
                ("points", point.to_string().into()),
                ("Driver", driver(&car.driver)),
                ("Constructor", constructor(&car.driver)),
                ("grid", car.grid.to_string().into()),
                ("laps", car.lap_count().to_string().into()),
                ("status", status.into()),
            ]);
            let finished = car.fate == Fate::Running && !thrown_out;
            if finished && (car.lap_count() == laps || story.weekend.season >= 2025) {
                let total = car.last_line() - story.start;
                row.set("Time.millis", total.to_string());
                row.set("Time.time", if i == 0 { lap_time(total) } else { gap(car.last_line() - time) });
            }
            if let Some(best) = best(car) {
                row.set("FastestLap.rank", "1");
                row.set("FastestLap.lap", "3");
                row.set("FastestLap.Time.time", lap_time(best));
            }
            row
        })
        .collect()
}

/// What Jolpica calls a car that was lapped: counted out before 2025, not since.
fn lapped(season: i32, laps: i64) -> String {
    match (season, laps) {
        (2025.., _) => "Lapped".into(),
        (_, 1) => "+1 Lap".into(),
        (_, laps) => format!("+{laps} Laps"),
    }
}

fn first_lap(story: &Story) -> Vec<Json> {
    let mut laps: Vec<(&Lap, &Car)> = story
        .cars
        .iter()
        .filter_map(|car| car.laps.first().filter(|lap| lap.crosses_line).map(|lap| (lap, car)))
        .collect();
    laps.sort_by_key(|(lap, _)| lap.time());
    laps.iter()
        .zip(1..)
        .map(|((lap, car), place)| {
            Json::with([
                ("driverId", car.driver.id().into()),
                ("time", lap_time(lap.time()).into()),
                ("position", i64::to_string(&place).into()),
            ])
        })
        .collect()
}

fn qualifying_results(plan: &Plan, story: &Story) -> Vec<Json> {
    let best = |car: &Car, part: usize| {
        let stands = |lap: &&Lap| {
            lap.part == part
                && lap.timed
                && lap.crosses_line
                && lap.deleted.as_ref().is_none_or(|d| d.reinstated)
        };
        car.laps.iter().filter(stands).map(Lap::time).min()
    };
    let mut cars: Vec<(&Car, [Option<i64>; 3])> =
        story.cars.iter().map(|car| (car, [0, 1, 2].map(|part| best(car, part)))).collect();
    cars.sort_by_key(|(_, times)| [2, 1, 0].map(|part: usize| times[part].unwrap_or(i64::MAX)));
    let last = cars.len();
    cars.iter()
        .zip(1..)
        .map(|((car, times), place)| {
            let mut row = Json::with([
                ("number", car.driver.number.to_string().into()),
                ("position", place.to_string().into()),
                ("Driver", driver(&car.driver)),
                ("Constructor", constructor(&car.driver)),
            ]);
            // One beyond 107 % of the best.
            let slow = plan.quirks && place == last - 1 && last > 5;
            for (name, time) in ["Q1", "Q2", "Q3"].into_iter().zip(times) {
                match time {
                    Some(time) if slow => row.set(name, lap_time(time * 110 / 100)),
                    Some(time) => row.set(name, lap_time(*time)),
                    None if name == "Q1" => row.set(name, ""),
                    None => {}
                }
            }
            row
        })
        .collect()
}
