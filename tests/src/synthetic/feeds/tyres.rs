//! TimingAppData: grid, stints and the laps on them; and TyreStintSeries, which repeats the stints.

use super::super::Plan;
use super::super::clock::{MINUTE, SECOND, lap_time};
use super::super::dice::Dice;
use super::super::json::Json;
use super::super::story::{Car, Fate, Stint, Story};
use super::{Line, drivers};

pub fn timing_app_data(plan: &Plan, story: &Story, dice: &mut Dice) -> Vec<Line> {
    let race = plan.kind.is_race();
    let cars: Vec<&Car> = story.cars.iter().filter(|car| drivers::listed(plan, car)).collect();
    let grid = |car: &Car, place: i64| {
        let mut entry =
            Json::with([("RacingNumber", car.driver.number.to_string().into()), ("Line", place.into())]);
        if race {
            entry.set("GridPos", car.grid.to_string());
        }
        entry
    };
    let mut lines = vec![all(4_180, cars.iter().zip(1..).map(|(car, place)| (*car, grid(car, place))))];
    let stints_start = story.start - 7 * MINUTE;
    // In some races nothing about tyres comes before the start, and then several stints at once.
    let delayed = race && plan.quirks && (story.weekend.season == 2018 || dice.one_in(4));
    let first_told = if delayed { story.start + dice.between(4, 15) * MINUTE } else { stints_start };
    // Of one car nothing is known.
    let unknown = if plan.quirks && dice.one_in(3) { cars.len().saturating_sub(1) } else { cars.len() };
    if race {
        let stints = |car: &&&Car| car.fate != Fate::Withdrew;
        let known = |car: &Car| {
            let told = car.stints.iter().enumerate().filter(|&(i, stint)| i == 0 || stint.from < first_told);
            Json::with([("Stints", Json::List(told.map(|(_, stint)| fitted(stint)).collect()))])
        };
        lines.push(all(first_told, cars[..unknown].iter().filter(stints).map(|car| (*car, known(car)))));
    } else {
        lines.push(all(
            stints_start,
            cars.iter().map(|car| (*car, Json::with([("Stints", Json::List(vec![]))]))),
        ));
    }
    for car in &cars[..unknown] {
        of_car(plan, car, first_told, race, dice, &mut lines);
    }
    if plan.quirks {
        lines.push(Line::new(story.start - MINUTE, &"".into()));
        lines.push(Line::new(story.start - MINUTE, &Json::with([("_kf", true.into())])));
    }
    lines
}

/// One line about several cars.
fn all<'a>(at: i64, entries: impl Iterator<Item = (&'a Car, Json)>) -> Line {
    let lines = entries.map(|(car, entry)| (car.driver.number.to_string(), entry)).collect::<Json>();
    Line::new(at, &Json::with([("Lines", lines)]))
}

fn fitted(stint: &Stint) -> Json {
    Json::with([
        ("LapFlags", 0.into()),
        ("Compound", stint.compound.into()),
        ("New", (if stint.age == 0 { "true" } else { "false" }).into()),
        ("TyresNotChanged", (if stint.changed { "0" } else { "1" }).into()),
        ("TotalLaps", stint.age.into()),
        ("StartLaps", stint.age.into()),
    ])
}

fn of_car(plan: &Plan, car: &Car, first_told: i64, race: bool, dice: &mut Dice, lines: &mut Vec<Line>) {
    let mut tell = |at: i64, stint: usize, fields: Json| {
        let path = format!("Lines.{}.Stints.{stint}", car.driver.number);
        lines.push(Line::new(at.max(first_told + 100), &Json::with([(path.as_str(), fields)])));
    };
    // One car's count of stints runs ahead of what it does.
    let miscounts = plan.quirks && dice.one_in(6);
    let index = |stint: usize| if miscounts && stint > 0 { stint + 1 } else { stint };
    for (i, stint) in car.stints.iter().enumerate() {
        let in_first_line = race && (i == 0 || stint.from < first_told);
        let at = stint.from + dice.between(4, 25) * SECOND;
        if !in_first_line {
            let mut told = fitted(stint);
            // Compound and age are not always known at once, and not always right at first.
            if plan.quirks && dice.one_in(4) {
                told.set("Compound", dice.pick(&["UNKNOWN", "TEST_UNKNOWN", "MEDIUM"]));
                told.set("New", "false");
                let right = Json::with([
                    ("Compound", stint.compound.into()),
                    ("New", (if stint.age == 0 { "true" } else { "false" }).into()),
                ]);
                tell(at + dice.between(20, 100) * SECOND, index(i), right);
            }
            tell(at, index(i), told);
        } else if plan.quirks && dice.one_in(5) {
            tell(
                first_told + 2 * MINUTE,
                i,
                Json::with([("StartLaps", (stint.age + 1).into()), ("Cooled", true.into())]),
            );
        }
    }
    let mut on_set = vec![0; car.stints.len()];
    let mut best = i64::MAX;
    for (n, lap) in car.laps.iter().enumerate().filter(|(_, lap)| lap.sectors[2] > 0) {
        on_set[lap.stint] += 1;
        let total = car.stints[lap.stint].age + on_set[lap.stint];
        tell(
            lap.end() + dice.between(500, 4_500),
            index(lap.stint),
            Json::with([("TotalLaps", total.into())]),
        );
        if lap.timed && lap.crosses_line && lap.time() < best {
            best = lap.time();
            let fields = [
                ("LapTime", lap_time(best).into()),
                ("LapNumber", (n as i64 + 1).into()),
                ("LapFlags", 3.into()),
            ];
            tell(lap.end() + dice.between(20, 200), index(lap.stint), Json::with(fields));
        }
    }
}

pub fn tyre_stint_series(plan: &Plan, story: &Story, dice: &mut Dice) -> Vec<Line> {
    let cars: Vec<&Car> = story.cars.iter().filter(|car| drivers::listed(plan, car)).collect();
    let mut lines = vec![
        Line::new(3_187, &Json::with([("Stints", Json::object())])),
        Line::new(
            18_241,
            &Json::with([(
                "Stints",
                cars.iter().map(|car| (car.driver.number.to_string(), Json::List(vec![]))).collect(),
            )]),
        ),
    ];
    for car in cars {
        for (i, stint) in car.stints.iter().enumerate() {
            let path = format!("Stints.{}.{i}", car.driver.number);
            lines.push(Line::new(
                stint.from + dice.between(4, 25) * SECOND,
                &Json::with([(path.as_str(), fitted(stint))]),
            ));
        }
    }
    lines
}
