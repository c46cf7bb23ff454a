//! What lies beside a made-up Jolpica: schedules as FastF1 reads them, and livetiming's feeds of some small races.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::jolpica::history::History;
use crate::synthetic::feeds::topics;
use crate::synthetic::story::Story;
use crate::synthetic::weekend::{Event, Weekend};
use crate::synthetic::{Plan, calendar};
use crate::upstream::{Asked, Reply, Upstream};

/// The first season with schedules.
const FIRST: i32 = 2018;

/// A server of both.
pub struct Beside(Upstream);

impl Beside {
    /// Schedules of all rounds of a history since 2018, and feeds of the races of some rounds: season and round.
    pub fn start(history: &History, races: &[(i32, i64)]) -> Beside {
        let mut files = BTreeMap::new();
        for season in FIRST..=*history.seasons().end() {
            let events: Vec<Event> =
                history.rounds(season).map(|round| event(history, &plan(season, round))).collect();
            let all = Weekend { calendar: events, event: 0, ..Story::new(&plan(season, 1)).weekend };
            files.insert(
                format!("/schedule_{season}.json"),
                calendar::f1schedule(&all).to_string().into_bytes(),
            );
        }
        for (season, round) in races {
            files.extend(feeds(history, &plan(*season, *round)));
        }
        Beside(Upstream::start([Reply::by(move |asked| {
            let path = asked.line.split(' ').nth(1).unwrap_or_default();
            files.get(path).map_or(Reply::new(404, ""), |file| Reply::new(200, file.clone()))
        })]))
    }

    /// The URL of all of it.
    pub fn url(&self) -> String {
        self.0.url("")
    }

    /// Its host and port.
    pub fn authority(&self) -> String {
        self.0.authority()
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.0.asked()
    }
}

/// The race of a round; its seed says which.
fn plan(season: i32, round: i64) -> Plan {
    let seed = (i64::from(season) * 100 + round).unsigned_abs();
    Plan { seed, season, cars: 3, laps: 3, quirks: false, ..Plan::BASE }
}

/// A weekend of the generator's, on the days that Jolpica says.
fn event(history: &History, plan: &Plan) -> Event {
    let made_up = Weekend::new(plan);
    let round = (plan.seed % 100) as i64;
    let mut event = made_up.event().clone();
    let apart = history.round(plan.season, round).date - event.date().date();
    event.slots.iter_mut().for_each(|slot| slot.start += TimeDelta::days(apart.num_days()));
    event.round = round;
    event.name = format!("Round {round} Grand Prix");
    event
}

/// The feeds of a race, and their list.
fn feeds(history: &History, plan: &Plan) -> Vec<(String, Vec<u8>)> {
    let mut story = Story::new(plan);
    story.weekend.calendar = vec![event(history, plan)];
    story.weekend.event = 0;
    let folder = format!("/{}", story.weekend.path());
    let topics = topics(plan, &story);
    let names: Vec<&str> = topics.iter().map(|topic| topic.name).collect();
    let index = format!("\u{feff}{}", calendar::topics(&names)).into_bytes();
    let files = topics.iter().map(|topic| (format!("{folder}{}.jsonStream", topic.name), topic.bytes()));
    files.chain([(format!("{folder}Index.json"), index)]).collect()
}
