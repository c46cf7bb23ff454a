//! Whole synthetic sessions in the upstreams' real formats, from a seed, so that the project's tests
//! need nobody's recordings. Drivers, teams and circuits are made up.
//!
//! [`Plan`] says what kind of session it is, [`story`] makes up what happens in it, [`feeds`] tells it
//! as livetiming does, [`jolpica`] and [`calendar`] as the other upstreams do, [`recording`] writes the
//! lot as a recording folder.

pub mod calendar;
pub mod clock;
pub mod dice;
pub mod feeds;
pub mod jolpica;
pub mod json;
pub mod recording;
pub mod story;
pub mod weekend;

use dice::Dice;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Practice,
    Qualifying,
    SprintQualifying,
    Sprint,
    Race,
}

impl Kind {
    pub fn is_race(self) -> bool {
        matches!(self, Kind::Sprint | Kind::Race)
    }
}

/// What to make up. The same plan always gives the same bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub seed: u64,
    pub kind: Kind,
    pub season: i32,
    pub cars: usize,
    /// Race distance; in the other sessions the most laps of a run.
    pub laps: i64,
    pub safety_car: bool,
    pub red_flag: bool,
    /// It ends early: a race under a red flag, a qualifying without its last part.
    pub abandoned: bool,
    pub rain: bool,
    /// Samples of each car a second, in CarData.z and Position.z; 0 leaves both out.
    pub telemetry_hz: i64,
    /// The oddities that a recording has by chance, all of them: see [`feeds`].
    pub quirks: bool,
    /// Lines that are lost, come twice or come late.
    pub noise: bool,
    /// Whether Jolpica has results yet.
    pub results: bool,
    /// Topics that livetiming does not have.
    pub missing: &'static [&'static str],
    /// Topics that have no lines.
    pub empty: &'static [&'static str],
}

impl Plan {
    pub const BASE: Plan = Plan {
        seed: 1,
        kind: Kind::Race,
        season: 2024,
        cars: 8,
        laps: 14,
        safety_car: false,
        red_flag: false,
        abandoned: false,
        rain: false,
        telemetry_hz: 0,
        quirks: true,
        noise: false,
        results: true,
        missing: &[],
        empty: &[],
    };

    /// Whether this session is the one in `n` that has a certain oddity.
    pub fn oddity(&self, n: u64, which: u64) -> bool {
        self.quirks && self.seed % n == which
    }

    /// Any session that the generator can make up.
    pub fn from_seed(seed: u64) -> Plan {
        let mut dice = Dice::new(seed, "plan");
        let season = dice.between(2018, 2026) as i32;
        let kind = match dice.between(0, 9) {
            0..4 => Kind::Race,
            4 | 5 => Kind::Qualifying,
            6 if season >= 2021 => Kind::Sprint,
            7 if season >= 2023 => Kind::SprintQualifying,
            _ => Kind::Practice,
        };
        let missing: &[&str] = if dice.one_in(3) { dice.pick(&GAPS) } else { &[] };
        let empty: &[&str] = if dice.one_in(8) { dice.pick(&GAPS) } else { &[] };
        // Without any list of drivers FastF1's order of them is a set's: no two runs agree.
        let nobody = missing.contains(&"DriverList") || empty.contains(&"DriverList");
        // Jolpica has nothing about a qualifying for a sprint either.
        let kind = if nobody && kind == Kind::SprintQualifying { Kind::Qualifying } else { kind };
        Plan {
            seed,
            kind,
            season,
            cars: dice.between(2, 12) as usize,
            laps: dice.between(3, 24),
            safety_car: dice.one_in(2),
            red_flag: dice.one_in(3),
            abandoned: dice.one_in(12),
            rain: dice.one_in(3),
            telemetry_hz: if dice.one_in(5) { 1 } else { 0 },
            quirks: !dice.one_in(4),
            noise: dice.one_in(3),
            results: nobody || !dice.one_in(4),
            missing,
            empty,
        }
    }
}

/// What livetiming may lack at once.
pub const GAPS: [&[&str]; 13] = [
    &["schedule"],
    &["SessionInfo"],
    &["DriverList"],
    &["SessionStatus"],
    &["TrackStatus"],
    &["LapCount"],
    &["TimingData"],
    &["TimingAppData"],
    &["WeatherData"],
    &["RaceControlMessages"],
    &["CarData.z"],
    &["Position.z"],
    &["DriverList", "RaceControlMessages", "WeatherData"],
];

/// The sessions that the golden files are made of, by name.
#[rustfmt::skip]
pub const CATALOGUE: &[(&str, Plan)] = &[
    ("race", Plan { seed: 11, cars: 10, laps: 18, safety_car: true, red_flag: true, ..Plan::BASE }),
    ("race-rain", Plan { seed: 13, season: 2023, rain: true, safety_car: true, ..Plan::BASE }),
    ("race-noise", Plan { seed: 45, season: 2022, safety_car: true, red_flag: true, noise: true, ..Plan::BASE }),
    ("qualifying-noise", Plan { seed: 44, kind: Kind::Qualifying, season: 2024, noise: true, results: false, ..Plan::BASE }),
    ("race-2018", Plan { seed: 14, season: 2018, safety_car: true, telemetry_hz: 1, laps: 8, cars: 5, ..Plan::BASE }),
    ("race-no-results", Plan { seed: 15, season: 2026, results: false, red_flag: true, telemetry_hz: 1, laps: 8, cars: 6, ..Plan::BASE }),
    ("race-abandoned", Plan { seed: 16, season: 2021, abandoned: true, rain: true, ..Plan::BASE }),
    ("race-plain", Plan { seed: 17, season: 2025, quirks: false, safety_car: true, ..Plan::BASE }),
    ("sprint", Plan { seed: 18, kind: Kind::Sprint, season: 2022, laps: 10, red_flag: true, ..Plan::BASE }),
    ("sprint-no-results", Plan { seed: 19, kind: Kind::Sprint, season: 2024, laps: 7, results: false, missing: &["RaceControlMessages"], ..Plan::BASE }),
    ("qualifying", Plan { seed: 20, kind: Kind::Qualifying, season: 2021, cars: 12, red_flag: true, ..Plan::BASE }),
    ("qualifying-rain", Plan { seed: 21, kind: Kind::Qualifying, season: 2019, rain: true, ..Plan::BASE }),
    ("qualifying-abandoned", Plan { seed: 22, kind: Kind::Qualifying, season: 2022, abandoned: true, results: false, ..Plan::BASE }),
    ("sprint-qualifying", Plan { seed: 23, kind: Kind::SprintQualifying, season: 2025, telemetry_hz: 1, ..Plan::BASE }),
    ("sprint-shootout", Plan { seed: 24, kind: Kind::SprintQualifying, season: 2023, red_flag: true, ..Plan::BASE }),
    ("practice", Plan { seed: 25, kind: Kind::Practice, season: 2020, red_flag: true, cars: 10, laps: 9, ..Plan::BASE }),
    ("practice-plain", Plan { seed: 26, kind: Kind::Practice, season: 2025, quirks: false, ..Plan::BASE }),
    ("practice-no-messages", Plan { seed: 27, kind: Kind::Practice, season: 2023, missing: &["RaceControlMessages", "SessionInfo"], ..Plan::BASE }),
    ("race-no-drivers", Plan { seed: 30, season: 2022, missing: &["DriverList"], ..Plan::BASE }),
    ("race-nobody", Plan { seed: 31, season: 2022, cars: 1, laps: 5, missing: &["DriverList"], results: false, ..Plan::BASE }),
    ("race-no-timing", Plan { seed: 32, season: 2021, laps: 5, missing: &["TimingData", "WeatherData"], ..Plan::BASE }),
    ("race-no-tyres", Plan { seed: 33, season: 2021, laps: 5, missing: &["TimingAppData"], ..Plan::BASE }),
    ("race-no-status", Plan { seed: 34, laps: 5, missing: &["SessionStatus"], ..Plan::BASE }),
    ("race-no-track-status", Plan { seed: 35, laps: 5, missing: &["TrackStatus", "LapCount", "schedule"], ..Plan::BASE }),
    ("race-no-position", Plan { seed: 36, laps: 3, cars: 3, telemetry_hz: 1, missing: &["Position.z", "schedule", "Index"], ..Plan::BASE }),
    ("race-empty-telemetry", Plan { seed: 37, laps: 3, cars: 3, telemetry_hz: 1, empty: &["Position.z", "WeatherData", "LapCount"], ..Plan::BASE }),
    ("race-empty-status", Plan { seed: 38, laps: 5, empty: &["SessionStatus", "TrackStatus", "RaceControlMessages"], ..Plan::BASE }),
    ("practice-empty-timing", Plan { seed: 39, kind: Kind::Practice, empty: &["TimingData", "SessionInfo"], ..Plan::BASE }),
    ("practice-no-timing", Plan { seed: 40, kind: Kind::Practice, missing: &["TimingData", "TrackStatus"], ..Plan::BASE }),
    ("qualifying-no-timing", Plan { seed: 41, kind: Kind::Qualifying, results: false, missing: &["TimingData"], ..Plan::BASE }),
    ("qualifying-no-messages", Plan { seed: 42, kind: Kind::Qualifying, results: false, missing: &["RaceControlMessages"], ..Plan::BASE }),
];

/// A two-hour race of 20 cars at 4 Hz, about 20 MB of feeds.
pub const FULL_LENGTH: Plan =
    Plan { seed: 50, cars: 20, laps: 72, safety_car: true, telemetry_hz: 4, quirks: false, ..Plan::BASE };

/// Ten times [`FULL_LENGTH`], which no race is: to see what grows with the length.
pub const TEN_TIMES: Plan = Plan { seed: 51, laps: 720, ..FULL_LENGTH };
