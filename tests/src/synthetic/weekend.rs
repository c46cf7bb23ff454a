//! Who drives where and when: made-up drivers, teams and circuits, and the calendar they meet in.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, TimeDelta, Utc};

use super::dice::Dice;
use super::{Kind, Plan};

pub struct Team {
    pub name: &'static str,
    pub id: &'static str,
    pub colour: &'static str,
}

#[rustfmt::skip]
pub const TEAMS: [Team; 11] = [
    Team { name: "Northwind", id: "northwind", colour: "1B7FBD" },
    Team { name: "Cobalt Racing", id: "cobalt", colour: "0047AB" },
    Team { name: "Scuderia Ventosa", id: "ventosa", colour: "C8102E" },
    Team { name: "Larkspur", id: "larkspur", colour: "6A4C93" },
    Team { name: "Halcyon", id: "halcyon", colour: "00A19C" },
    Team { name: "Ironbark", id: "ironbark", colour: "8C5A2B" },
    Team { name: "Equipe Mistral", id: "mistral", colour: "F4A300" },
    Team { name: "Tern & Sons", id: "tern", colour: "5E6A71" },
    Team { name: "Quartz F1 Team", id: "quartz", colour: "D9D9D6" },
    Team { name: "Bramble", id: "bramble", colour: "7A0019" },
    Team { name: "Ostrava", id: "ostrava", colour: "2E8540" },
];

/// One driver of a session.
#[derive(Debug, Clone, PartialEq)]
pub struct Driver {
    pub number: i64,
    /// Jolpica's permanent number; the champion drives with another one.
    pub permanent: i64,
    pub first: &'static str,
    pub last: &'static str,
    pub country: &'static str,
    /// Index into [`TEAMS`].
    pub team: usize,
}

impl Driver {
    /// Three letters, as `Tla` and Jolpica's `code` have them.
    pub fn tla(&self) -> String {
        ascii(self.last).chars().filter(char::is_ascii_alphabetic).take(3).collect::<String>().to_uppercase()
    }

    /// Jolpica's `driverId`.
    pub fn id(&self) -> String {
        ascii(self.last).to_lowercase().replace([' ', '\''], "_")
    }

    pub fn broadcast_name(&self) -> String {
        let initial = ascii(self.first).chars().next().unwrap_or('X');
        format!("{initial} {}", ascii(self.last).to_uppercase())
    }

    pub fn full_name(&self) -> String {
        format!("{} {}", self.first, ascii(self.last).to_uppercase())
    }

    /// livetiming's `Reference`.
    pub fn reference(&self) -> String {
        let head =
            |name: &str| ascii(name).chars().filter(char::is_ascii_alphabetic).take(3).collect::<String>();
        format!("{}{}01", head(self.first), head(self.last)).to_uppercase()
    }

    pub fn team(&self) -> &'static Team {
        &TEAMS[self.team]
    }
}

/// The accents that the names and places below use.
fn ascii(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            'ã' | 'á' | 'å' | 'ä' => 'a',
            'Æ' => 'A',
            'ç' => 'c',
            'é' | 'ë' => 'e',
            'í' => 'i',
            'ñ' => 'n',
            'ö' | 'ó' => 'o',
            'ü' => 'u',
            c => c,
        })
        .collect()
}

#[rustfmt::skip]
const NAMES: [(&str, &str, &str, i64); 24] = [
    ("Ada", "Quill", "GBR", 7), ("Bo", "Tamarind", "SWE", 12), ("Iñaki", "Orzábal", "ESP", 21),
    ("Zoë", "Lindqvåst", "NOR", 9), ("Cato", "Merrow", "NED", 33), ("Dario", "Fontanel", "ITA", 46),
    ("Ezra", "Halloway", "USA", 2), ("Freya", "Okonjo", "NGR", 58), ("Gil", "Castelmar", "POR", 17),
    ("Hana", "Sugimori", "JPN", 24), ("Ivo", "Drachenfels", "GER", 5), ("Jun", "Baek", "KOR", 88),
    ("Kaj", "Söderholm", "FIN", 73), ("Lou", "D'Arblay", "FRA", 61), ("Mira", "Vantongeren", "BEL", 35),
    ("Nils", "Æbeltoft", "DEN", 19), ("Oona", "Brightwater", "CAN", 50), ("Piet", "van Ruysdael", "NED", 8),
    ("Quim", "Ferrándiz", "ESP", 66), ("Rafa", "Monteçol", "BRA", 91), ("Sanna", "Kivelä", "FIN", 38),
    ("Tor", "Eikeland", "NOR", 29), ("Uma", "Raghavan", "IND", 42), ("Vito", "Scarlatti", "ITA", 13),
];

struct Place {
    event: &'static str,
    location: &'static str,
    country: &'static str,
    code: &'static str,
    circuit: &'static str,
    gmt_hours: i64,
}

#[rustfmt::skip]
const PLACES: [Place; 6] = [
    Place { event: "Port Alder Grand Prix", location: "Port Alder", country: "Alderland", code: "ALD", circuit: "Alder Bay Circuit", gmt_hours: 3 },
    Place { event: "São Telmo Grand Prix", location: "São Telmo", country: "Telmânia", code: "TEL", circuit: "Autódromo do Telmo", gmt_hours: -3 },
    Place { event: "Lake Vessel Grand Prix", location: "Lake Vessel", country: "Vessel Isles", code: "VES", circuit: "Lake Vessel Raceway", gmt_hours: -6 },
    Place { event: "Küstenring Grand Prix", location: "Küstenring", country: "Norderland", code: "NDL", circuit: "Küstenring", gmt_hours: 2 },
    Place { event: "Mount Osprey Grand Prix", location: "Mount Osprey", country: "Ospreya", code: "OSP", circuit: "Mount Osprey Park", gmt_hours: 10 },
    Place { event: "Old Quay Grand Prix", location: "Old Quay", country: "Alderland", code: "ALD", circuit: "Old Quay Street Circuit", gmt_hours: 0 },
];

/// One session of a weekend, local start.
#[derive(Debug, Clone)]
pub struct Slot {
    pub name: &'static str,
    pub start: NaiveDateTime,
    pub length: TimeDelta,
}

/// One event of the season.
#[derive(Debug, Clone)]
pub struct Event {
    /// 0 is a test.
    pub round: i64,
    pub name: String,
    pub official_name: String,
    pub location: &'static str,
    pub country: &'static str,
    pub country_code: &'static str,
    pub circuit: &'static str,
    pub gmt: TimeDelta,
    /// f1schedule's `event_format`.
    pub format: &'static str,
    pub slots: Vec<Slot>,
}

impl Event {
    pub fn circuit_id(&self) -> String {
        ascii(self.circuit).to_lowercase().replace(' ', "_")
    }

    /// The day that names the weekend's folder: its last session's.
    pub fn date(&self) -> NaiveDateTime {
        self.slots.last().map(|slot| slot.start).unwrap_or_default()
    }

    /// livetiming's path of a session below `static/`, as FastF1's `make_path` builds it.
    pub fn path(&self, slot: &Slot) -> String {
        let day = |at: NaiveDateTime| at.format("%Y-%m-%d").to_string();
        format!(
            "{}/{} {}/{} {}/",
            self.date().format("%Y"),
            day(self.date()),
            self.name,
            day(slot.start),
            slot.name
        )
        .replace(' ', "_")
    }

    pub fn utc(&self, slot: &Slot) -> DateTime<Utc> {
        (slot.start - self.gmt).and_utc()
    }

    /// `04:00:00` or `-06:00:00`, livetiming's `GmtOffset`.
    pub fn gmt_offset(&self) -> String {
        let hours = self.gmt.num_hours();
        format!("{}{:02}:00:00", if hours < 0 { "-" } else { "" }, hours.abs())
    }
}

/// The season around the session, and who takes part.
#[derive(Debug, Clone)]
pub struct Weekend {
    pub season: i32,
    pub calendar: Vec<Event>,
    /// Index into `calendar`.
    pub event: usize,
    /// Index into the event's slots.
    pub slot: usize,
    pub drivers: Vec<Driver>,
}

impl Weekend {
    pub fn new(plan: &Plan) -> Weekend {
        let mut dice = Dice::new(plan.seed, "weekend");
        let mut places: Vec<&Place> = PLACES.iter().collect();
        dice.shuffle(&mut places);
        let rounds = dice.between(2, 4);
        let ours = dice.between(1, rounds);
        let mut calendar = vec![event(plan, 0, places[0], "testing")];
        for round in 1..=rounds {
            let format = if round == ours { plan.kind.format(plan.season) } else { "conventional" };
            calendar.push(event(plan, round, places[round as usize - 1], format));
        }
        let event = ours as usize;
        let name = plan.kind.session_name(plan.season);
        let slot = calendar[event].slots.iter().position(|slot| slot.name == name).unwrap_or_default();
        Weekend { season: plan.season, calendar, event, slot, drivers: drivers(plan, &mut dice) }
    }

    pub fn event(&self) -> &Event {
        &self.calendar[self.event]
    }

    pub fn slot(&self) -> &Slot {
        &self.event().slots[self.slot]
    }

    /// The session's folder below livetiming's `static/`, with a slash at its end.
    pub fn path(&self) -> String {
        self.event().path(self.slot())
    }
}

fn drivers(plan: &Plan, dice: &mut Dice) -> Vec<Driver> {
    let mut names = NAMES;
    dice.shuffle(&mut names);
    let mut drivers: Vec<Driver> = names
        .iter()
        .take(plan.cars)
        .enumerate()
        .map(|(i, &(first, last, country, number))| Driver {
            number,
            permanent: number,
            first,
            last,
            country,
            team: (i / 2) % TEAMS.len(),
        })
        .collect();
    if let Some(champion) = drivers.first_mut() {
        champion.number = 1;
    }
    drivers
}

fn event(plan: &Plan, round: i64, place: &Place, format: &'static str) -> Event {
    let name = if round == 0 { "Pre-Season Testing".to_owned() } else { place.event.to_owned() };
    let (days, hours): (&[u64], &[i64]) = match format {
        "testing" => (&[0, 1, 2], &[10, 10, 10]),
        "conventional" => (&[0, 0, 1, 1, 2], &[13, 17, 12, 16, 15]),
        _ => (&[0, 0, 1, 1, 2], &[13, 17, 11, 15, 15]),
    };
    // Whole weeks apart, the first race in mid-March, tests before it.
    let spring =
        NaiveDate::from_ymd_opt(plan.season, 2, 24).unwrap_or_default() + Days::new(14 * round as u64);
    let friday = spring + Days::new(u64::from(11 - spring.weekday().num_days_from_monday()) % 7);
    let slots = slot_names(format)
        .iter()
        .zip(days.iter().zip(hours))
        .map(|(&name, (&day, &hour))| Slot {
            name,
            start: (friday + Days::new(day)).and_time(Default::default())
                + TimeDelta::minutes(60 * hour + 30),
            length: TimeDelta::minutes(if name == "Race" { 120 } else { 60 }),
        })
        .collect();
    Event {
        round,
        official_name: format!("FORMULA 1 {} {}", name.to_uppercase(), plan.season),
        name,
        location: place.location,
        country: place.country,
        country_code: place.code,
        circuit: place.circuit,
        gmt: TimeDelta::hours(place.gmt_hours),
        format,
        slots,
    }
}

fn slot_names(format: &str) -> &'static [&'static str] {
    match format {
        "testing" => &["Practice 1", "Practice 2", "Practice 3"],
        "sprint" => &["Practice 1", "Qualifying", "Practice 2", "Sprint", "Race"],
        "sprint_shootout" => &["Practice 1", "Qualifying", "Sprint Shootout", "Sprint", "Race"],
        "sprint_qualifying" => &["Practice 1", "Sprint Qualifying", "Sprint", "Qualifying", "Race"],
        _ => &["Practice 1", "Practice 2", "Practice 3", "Qualifying", "Race"],
    }
}

impl Kind {
    /// The format of a weekend that has this session.
    fn format(self, season: i32) -> &'static str {
        match (self, season) {
            (Kind::Sprint | Kind::SprintQualifying, ..=2022) => "sprint",
            (Kind::Sprint | Kind::SprintQualifying, 2023) => "sprint_shootout",
            (Kind::Sprint | Kind::SprintQualifying, _) => "sprint_qualifying",
            _ => "conventional",
        }
    }

    fn session_name(self, season: i32) -> &'static str {
        match self {
            Kind::Practice => "Practice 1",
            Kind::Qualifying => "Qualifying",
            Kind::SprintQualifying if season == 2023 => "Sprint Shootout",
            Kind::SprintQualifying => "Sprint Qualifying",
            Kind::Sprint => "Sprint",
            Kind::Race => "Race",
        }
    }
}
