//! DriverList and the topics that repeat parts of it.

use super::super::Plan;
use super::super::clock::{MINUTE, SECOND};
use super::super::dice::Dice;
use super::super::json::Json;
use super::super::story::{Car, Fate, Story};
use super::{Line, message_utc};

const IMAGES: &str = "https://images.example/drivers";

/// Who stands in the list: one that withdrew before the session is in Jolpica's list only, if anywhere.
pub fn listed(plan: &Plan, car: &Car) -> bool {
    car.fate != Fate::Withdrew || plan.seed.is_multiple_of(2)
}

pub fn driver_list(plan: &Plan, story: &Story, dice: &mut Dice) -> Vec<Line> {
    let cars: Vec<&Car> = story.cars.iter().filter(|car| listed(plan, car)).collect();
    let season = story.weekend.season;
    // Numbers and places first, names seconds later; in some sessions all at once.
    let names_later = plan.quirks && dice.one_in(2);
    let (mut first, mut second) = (Json::object(), Json::object());
    for (car, place) in cars.iter().zip(1..) {
        let driver = &car.driver;
        let number = driver.number.to_string();
        let mut entry = Json::with([("RacingNumber", number.as_str().into())]);
        let mut names = Json::with([
            ("BroadcastName", driver.broadcast_name().into()),
            ("FullName", driver.full_name().into()),
            ("Tla", driver.tla().into()),
            ("Line", place.into()),
            ("TeamName", driver.team().name.into()),
            ("TeamColour", driver.team().colour.into()),
            ("FirstName", driver.first.into()),
            ("LastName", driver.last.into()),
        ]);
        if season >= 2019 {
            names.set("Reference", driver.reference());
        }
        if season >= 2020 && !(plan.quirks && place == 2) {
            names.set("HeadshotUrl", format!("{IMAGES}/{}.png", driver.reference().to_lowercase()));
        }
        if (2020..=2024).contains(&season) {
            names.set("CountryCode", driver.country);
        }
        if names_later {
            entry.set("Line", place);
            second.set(&number, names);
        } else {
            let Json::Object(fields) = names else { continue };
            fields.into_iter().for_each(|(name, value)| entry.set(&name, value));
        }
        first.set(&number, entry);
    }
    let mut lines = vec![Line::new(4_180, &first)];
    if names_later {
        lines.push(Line::new(5_969, &second));
    }
    // Places, as they change.
    for _ in 0..cars.len() * 2 {
        let number = dice.pick(&cars).driver.number.to_string();
        let place = dice.between(1, cars.len() as i64);
        let at = dice.between(story.start, story.end);
        lines.push(Line::new(at, &Json::with([(number.as_str(), Json::with([("Line", place.into())]))])));
    }
    if plan.quirks {
        lines.extend(oddities(story, &cars, dice));
    }
    lines
}

fn oddities(story: &Story, cars: &[&Car], dice: &mut Dice) -> Vec<Line> {
    let number = dice.pick(cars).driver.number.to_string();
    let colour = Json::with([(
        number.as_str(),
        Json::with([("TeamColour", "123ABC".into()), ("Kerb", "blue".into())]),
    )]);
    let deleted = Json::List(vec!["Reference".into()]);
    let deletion = Json::with([(number.as_str(), Json::with([("_deleted", deleted)]))]);
    let guest = Json::with([("99", Json::with([("RacingNumber", "99".into()), ("Tla", "GST".into())]))]);
    vec![
        Line::new(6_500, &Json::with([("_kf", true.into())])),
        Line::new(6_600, &"".into()),
        Line::new(7_000, &colour),
        Line::new(8_000, &deletion),
        // Nobody drives this one: it only shows up after an hour, which FastF1 takes for an error.
        Line::new(story.end.max(61 * MINUTE), &guest),
    ]
}

pub fn top_three(_: &Plan, story: &Story, dice: &mut Dice) -> Vec<Line> {
    let entry = |car: &Car, place: i64| {
        Json::with([
            ("Position", place.to_string().into()),
            ("ShowPosition", true.into()),
            ("RacingNumber", car.driver.number.to_string().into()),
            ("Tla", car.driver.tla().into()),
            ("Team", car.driver.team().name.into()),
            ("LapTime", "".into()),
        ])
    };
    let three = story.cars.iter().zip(1..).take(3).map(|(car, place)| entry(car, place)).collect();
    let mut lines =
        vec![Line::new(12_064, &Json::with([("Withheld", false.into()), ("Lines", Json::List(three))]))];
    for _ in 0..5 {
        let change = Json::with([("Lines.0.LapState", Json::Int(dice.between(64, 80)))]);
        lines.push(Line::new(dice.between(story.start, story.end), &change));
    }
    lines
}

pub fn team_radio(_: &Plan, story: &Story, dice: &mut Dice) -> Vec<Line> {
    let mut times: Vec<i64> = (0..4).map(|_| dice.between(story.start, story.end)).collect();
    times.sort_unstable();
    let cars: Vec<&Car> = story.cars.iter().collect();
    let capture = |at: i64, car: &Car| {
        Json::with([
            ("Utc", message_utc(story, at).into()),
            ("RacingNumber", car.driver.number.to_string().into()),
            ("Path", format!("TeamRadio/{}_{}.mp3", car.driver.reference(), at / SECOND).into()),
        ])
    };
    times
        .into_iter()
        .enumerate()
        .map(|(i, at)| {
            let capture = capture(at, dice.pick(&cars));
            let captures = if i == 0 {
                Json::List(vec![capture])
            } else {
                Json::with([(i.to_string().as_str(), capture)])
            };
            Line::new(at, &Json::with([("Captures", captures)]))
        })
        .collect()
}
