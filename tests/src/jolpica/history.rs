//! Seasons, rounds and who took part, from a seed. Each round is made up when it is asked for, and is always the same.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use chrono::{Days, NaiveDate};

use crate::synthetic::dice::Dice;

/// From which season on there are so many rounds: 1,172 until 2026.
const ROUNDS: [(i32, i64); 11] = [
    (1950, 7),
    (1953, 9),
    (1958, 10),
    (1967, 11),
    (1973, 15),
    (1984, 16),
    (2005, 18),
    (2012, 20),
    (2016, 21),
    (2021, 22),
    (2024, 24),
];

pub const CIRCUITS: usize = 77;

/// Drivers and teams who are new each season.
const NEW_DRIVERS: usize = 11;
const NEW_TEAMS: usize = 2;
const TEAMS: usize = 11;

/// What the API knows: everything up to `today`, and the calendar of the season that is on.
#[derive(Debug, Clone)]
pub struct History {
    seed: u64,
    pub today: NaiveDate,
    /// Entries to a race beside those that the seed makes up, by season and round.
    added: BTreeMap<(i32, i64), usize>,
    /// Who has been disqualified after the fact: season, round, place.
    disqualified: BTreeSet<(i32, i64, usize)>,
}

#[derive(Debug, Clone)]
pub struct Round {
    pub season: i32,
    pub number: i64,
    pub circuit: usize,
    pub date: NaiveDate,
    pub laps: i64,
    pub has_sprint: bool,
    /// In the order in which they finished.
    pub entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub driver: usize,
    pub team: usize,
    pub car: i64,
    pub grid: usize,
    pub laps: i64,
    pub status: &'static str,
    pub points: i64,
    pub stops: i64,
}

impl History {
    pub fn new(seed: u64) -> History {
        let today = NaiveDate::from_ymd_opt(2026, 11, 24).expect("a date");
        History { seed, today, added: BTreeMap::new(), disqualified: BTreeSet::new() }
    }

    pub fn seasons(&self) -> RangeInclusive<i32> {
        1950..=2026
    }

    pub fn rounds(&self, season: i32) -> RangeInclusive<i64> {
        let known = ROUNDS.iter().rev().find(|(from, _)| *from <= season && self.seasons().contains(&season));
        1..=known.map_or(0, |(_, rounds)| *rounds)
    }

    /// The last round that has been.
    pub fn last(&self) -> Option<Round> {
        let rounds =
            self.seasons().rev().flat_map(|season| self.rounds(season).rev().map(move |n| (season, n)));
        rounds.map(|(season, number)| self.round(season, number)).find(|round| self.has_been(round))
    }

    pub fn has_been(&self, round: &Round) -> bool {
        round.date < self.today
    }

    /// One more row of a race, and of all that is made of it.
    pub fn add_entry(&mut self, season: i32, round: i64) {
        *self.added.entry((season, round)).or_default() += 1;
    }

    /// A correction, weeks later: other bytes for one row of a race.
    pub fn disqualify(&mut self, season: i32, round: i64, place: usize) {
        self.disqualified.insert((season, round, place));
    }

    fn first_driver(&self, season: i32) -> usize {
        usize::try_from(season - 1950).unwrap_or(0) * NEW_DRIVERS
    }

    fn first_team(&self, season: i32) -> usize {
        usize::try_from(season - 1950).unwrap_or(0) * NEW_TEAMS
    }

    /// How many take part in a race: more than a page of 30 in some years.
    fn drivers_of(&self, season: i32) -> usize {
        match season {
            ..=1969 => 20,
            1970..=1988 => 26,
            1989..=1991 => 34,
            1992..=2009 => 22,
            _ => 20,
        }
    }

    pub fn round(&self, season: i32, number: i64) -> Round {
        let mut dice = Dice::new(self.seed, &format!("{season}/{number}"));
        let start = NaiveDate::from_ymd_opt(season, 3, 3).expect("a date");
        let apart = 270 / self.rounds(season).end().max(&1);
        let laps = dice.between(44, 78);
        let has_sprint = season >= 2021 && number % 4 == 1;
        let mut field: Vec<usize> = (0..self.drivers_of(season)).collect();
        dice.shuffle(&mut field);
        let added = self.added.get(&(season, number)).copied().unwrap_or(0);
        // In the fifties the second to last takes over another car, and has two rows.
        let again = (season < 1958).then(|| field[field.len() - 2]);
        let size = field.len();
        let mut drivers: Vec<usize> = field.into_iter().chain(again).collect();
        let mut grid: Vec<usize> = (1..=drivers.len()).collect();
        dice.shuffle(&mut grid);
        // Who is added leaves all the others as they were.
        for driver in size..size + added {
            drivers.push(driver);
            grid.push(drivers.len());
        }
        let entries = drivers.iter().enumerate().map(|(place, &driver)| {
            let finished = place < size * 3 / 4;
            let laps = if finished { laps - place as i64 / 8 } else { dice.between(0, laps - 1) };
            let is_out = self.disqualified.contains(&(season, number, place));
            Entry {
                driver: self.first_driver(season) + driver,
                team: self.first_team(season) + driver / 2 % TEAMS,
                car: (driver + 1 + 40 * usize::from(place == size)) as i64,
                grid: grid[place],
                laps,
                status: match (is_out, finished, place / 8) {
                    (true, ..) => "Disqualified",
                    (_, true, 0) => "Finished",
                    (_, true, 1) => "+1 Lap",
                    (_, true, _) => "Lapped",
                    (_, false, _) => {
                        dice.pick(&["Engine", "Gearbox", "Collision", "Retired", "Did not start"])
                    }
                },
                points: if is_out {
                    0
                } else {
                    [25, 18, 15, 12, 10, 8, 6, 4, 2, 1].get(place).copied().unwrap_or(0)
                },
                stops: if laps > 20 { dice.between(1, 3) } else { 0 },
            }
        });
        Round {
            season,
            number,
            circuit: (usize::try_from(season).unwrap_or(0) + usize::try_from(number).unwrap_or(0) * 3)
                % CIRCUITS,
            date: start + Days::new((apart * (number - 1)).unsigned_abs()),
            laps,
            has_sprint,
            entries: entries.collect(),
        }
    }
}
