//! WeatherData: once a minute, all values as text.

use super::super::Plan;
use super::super::clock::MINUTE;
use super::super::dice::Dice;
use super::super::json::Json;
use super::super::story::Story;
use super::Line;

pub fn weather_data(plan: &Plan, story: &Story, dice: &mut Dice) -> Vec<Line> {
    let tenths = |n: i64| format!("{}{}.{}", if n < 0 { "-" } else { "" }, n.abs() / 10, n.abs() % 10);
    let (mut air, mut humidity, mut pressure, mut track) =
        (dice.between(80, 330), dice.between(200, 900), dice.between(7_800, 10_200), dice.between(150, 520));
    let mut lines = Vec::new();
    for at in (dice.between(500, 59_000)..story.end).step_by(MINUTE as usize) {
        let rain = story.rain.is_some_and(|(from, to)| (from..to).contains(&at));
        air += dice.between(-1, 1);
        humidity = (humidity + dice.between(-9, 9) + if rain { 8 } else { 0 }).clamp(50, 1000);
        pressure += dice.between(-1, 1);
        track += dice.between(-4, 4) - if rain { 5 } else { 0 };
        let mut weather = Json::with([
            ("AirTemp", tenths(air).into()),
            (
                "Humidity",
                if humidity % 10 == 0 { (humidity / 10).to_string() } else { tenths(humidity) }.into(),
            ),
            ("Pressure", tenths(pressure).into()),
            ("Rainfall", (if rain { "1" } else { "0" }).into()),
            ("TrackTemp", tenths(track).into()),
            ("WindDirection", dice.between(0, 359).to_string().into()),
            ("WindSpeed", tenths(dice.between(0, 70)).into()),
        ]);
        // A sensor without a value: FastF1 makes a zero of it.
        if plan.quirks && dice.one_in(20) {
            let name = dice.pick(&["AirTemp", "Humidity", "Rainfall", "WindDirection", "WindSpeed"]);
            weather.set(name, dice.pick(&["", "n/a", "12,5"]));
        }
        if plan.quirks && dice.one_in(30) {
            let Json::Object(fields) = &mut weather else { continue };
            fields.remove(dice.between(0, 6) as usize);
        }
        lines.push(Line::new(at + dice.between(0, 30), &weather));
    }
    if plan.quirks {
        lines.push(Line::new(story.start + 30_000, &"".into()));
    }
    lines
}
