//! The laps of one car: sector times, speed traps, lap times, the pit lane.

use super::super::super::Plan;
use super::super::super::clock::{MINUTE, SECOND, lap_time, sector_time};
use super::super::super::dice::Dice;
use super::super::super::json::Json;
use super::super::super::story::{Car, Fate, Lap, Story};
use super::Teller;

/// One lap on its way into the feed.
struct Told<'a> {
    car: &'a Car,
    lap: &'a Lap,
    /// The lap count that its line brings.
    number: i64,
    /// How long after the fact the line is told.
    delay: i64,
    quirks: bool,
}

pub fn tell(teller: &mut Teller, car: &Car, dice: &mut Dice) {
    let race = teller.plan.kind.is_race();
    if race {
        to_the_grid(teller, car, dice);
    }
    let mut counted = 0;
    // The best time so far, and the one before it: a deletion brings that back.
    let mut best: [Option<i64>; 3] = [None; 3];
    let mut stops = 0;
    let mut last_line = None;
    let quirk_lap = if teller.plan.quirks { dice.between(2, 8) } else { 0 };
    for (i, lap) in car.laps.iter().enumerate() {
        let odd = i as i64 == quirk_lap;
        if let Some(at) = lap.pit_out {
            let mut fields = vec![("InPit", false.into()), ("PitOut", true.into())];
            // Outside races the count goes up as the car leaves its box.
            if !race {
                counted += 1;
                fields.push(("NumberOfLaps", Json::Int(counted)));
            }
            out(teller, at, car, fields);
        }
        if let Some(at) = lap.pit_in {
            stops += 1;
            teller.tell(at, car, [("InPit", true.into()), ("NumberOfPitStops", stops.into())]);
        }
        if lap.crosses_line {
            counted += 1;
        }
        let told =
            Told { car, lap, number: counted, delay: dice.between(20, 450), quirks: teller.plan.quirks };
        mini_sectors(teller, &told, dice);
        first_and_second_sector(teller, &told, dice);
        if lap.sectors[2] > 0 {
            line(teller, &told, odd, last_line, dice);
            personal_best(teller, &told, &mut best, dice);
            last_line = Some(lap.end());
        }
        if odd && race && counted > 2 {
            late_data(teller, &told);
        }
    }
}

fn out(teller: &mut Teller, at: i64, car: &Car, fields: Vec<(&str, Json)>) {
    for (path, value) in fields {
        teller.tell(at, car, [(path, value)]);
    }
    teller.tell(at + 20 * SECOND, car, [("PitOut", false.into())]);
}

/// Cars leave their boxes for the grid well before the start, some of them twice.
fn to_the_grid(teller: &mut Teller, car: &Car, dice: &mut Dice) {
    let story: &Story = teller.story;
    if story.weekend.season == 2018 || car.fate == Fate::Withdrew {
        return;
    }
    let from_pit_lane = car.grid == 0;
    let at = if from_pit_lane {
        story.start + 14 * SECOND
    } else {
        story.start - 38 * MINUTE + dice.between(0, 4 * MINUTE)
    };
    teller.tell(at, car, [("InPit", false.into())]);
    if !from_pit_lane && dice.one_in(3) {
        teller.tell(at + 2 * MINUTE, car, [("InPit", true.into())]);
        teller.tell(at + 2 * MINUTE + 20 * SECOND, car, [("InPit", false.into())]);
    }
    if teller.plan.quirks && !from_pit_lane && dice.one_in(6) {
        // A lap count that belongs to the lap to the grid.
        teller.tell(at + 3 * MINUTE, car, [("NumberOfLaps", 0.into()), ("Speeds.ST.Value", "250".into())]);
    }
}

/// Mini-sectors of a sector.
pub const SEGMENTS: usize = 8;

/// The mini-sectors that a car finished on this lap, by number, and when.
pub fn segments(lap: &Lap) -> impl Iterator<Item = (usize, i64)> {
    let mut since = lap.start;
    let sectors = lap.sectors.map(|length| {
        since += length;
        (since - length, length)
    });
    (0..3 * SEGMENTS).filter_map(move |n| {
        let (from, length) = sectors[n / SEGMENTS];
        let done = (n % SEGMENTS + 1) as i64;
        (length > 0).then_some((n, from + length * done / SEGMENTS as i64))
    })
}

/// The colours of the mini-sectors, each told as the car leaves it.
fn mini_sectors(teller: &mut Teller, told: &Told, dice: &mut Dice) {
    for (n, at) in segments(told.lap) {
        let status = dice.pick(&[2048, 2048, 2048, 2049, 2051, 2064]);
        let path = format!("Sectors.{}.Segments.{}.Status", n / SEGMENTS, n % SEGMENTS);
        teller.tell_again(at + dice.between(0, 200), told.car, [(path.as_str(), Json::Int(status))]);
    }
}

fn last_of(car: &Car, lap: &Lap) -> bool {
    car.laps.last().is_some_and(|last| last.start == lap.start)
}

fn speed(dice: &mut Dice, around: i64) -> Json {
    // Rounded to threes, so that two laps in a row often have the same and the second is not told.
    ((around + dice.between(-6, 6)) / 3 * 3).to_string().into()
}

fn first_and_second_sector(teller: &mut Teller, told: &Told, dice: &mut Dice) {
    let Told { car, lap, .. } = *told;
    let [first, second, _] = lap.sectors;
    if first == 0 {
        return;
    }
    // Since 2020 the first sector of a lap blanks what is left of the one before.
    let blanks = teller.story.weekend.season >= 2020;
    let at = lap.start + first + dice.between(0, 350);
    if blanks {
        teller.tell(
            at,
            car,
            [
                ("Sectors.1.Value", "".into()),
                ("Sectors.2.Value", "".into()),
                ("Speeds.I2.Value", "".into()),
                ("Speeds.FL.Value", "".into()),
            ],
        );
        if !teller.story.track.trap_after_line {
            teller.tell(at, car, [("Speeds.ST.Value", "".into())]);
        }
    }
    if lap.timed {
        // A lap that waits in the pit lane for the restart: its first sector is often not told.
        if first < 5 * MINUTE || told.number % 2 == 0 {
            teller.tell(at, car, [("Sectors.0.Value", sector_time(first).into())]);
        }
    } else {
        teller.tell(at, car, [("Sectors.0.Value", "".into())]);
    }
    teller.tell(at, car, [("Speeds.I1.Value", speed(dice, 210))]);
    if second == 0 {
        return;
    }
    let at = lap.start + first + second + dice.between(0, 350);
    teller.tell(
        at,
        car,
        [("Sectors.1.Value", sector_time(second).into()), ("Speeds.I2.Value", speed(dice, 250))],
    );
    let trap = if teller.story.track.trap_after_line {
        lap.start + dice.between(3_000, 11_000)
    } else {
        lap.end() - dice.between(5_000, 9_000)
    };
    if !dice.one_in(12) {
        teller.tell(trap, car, [("Speeds.ST.Value", speed(dice, 310))]);
    }
    if told.quirks && dice.one_in(20) {
        let empty = || Json::with([("Value", "".into())]);
        teller.tell_again(at + 500, car, [("Sectors", Json::List(vec![empty(), empty(), empty()]))]);
    }
}

/// The crossing of the line, or what stands for it if an in-lap ends in the box.
fn line(teller: &mut Teller, told: &Told, odd: bool, last_line: Option<i64>, dice: &mut Dice) {
    let Told { car, lap, number, delay, quirks } = *told;
    let plan: &Plan = teller.plan;
    let at = lap.end() + delay;
    // An out-lap's time runs since the line before, however long ago; the first lap has none.
    let time = match (lap.timed, last_line) {
        (true, _) => Some(lap.time()),
        (false, Some(before)) if !plan.kind.is_race() => Some(lap.end() - before),
        _ => None,
    };
    if lap.crosses_line {
        teller.tell(at, car, [("NumberOfLaps", number.into())]);
    }
    // The third sector and the lap time come with the line or, now and then, seconds after it.
    let late = if quirks { dice.pick(&[0, 0, 0, 0, 40, 900, 3_000, 4_700, 5_600]) } else { 0 };
    let retires = car.fate == Fate::RetiredInPit && last_of(car, lap) && !lap.crosses_line;
    if !(retires || quirks && dice.one_in(40)) {
        teller.tell(at + late, car, [("Sectors.2.Value", sector_time(lap.sectors[2]).into())]);
    }
    if lap.crosses_line {
        teller.tell(at + late.min(900), car, [("Speeds.FL.Value", speed(dice, 285))]);
    }
    let Some(time) = time.filter(|_| !retires) else { return };
    let late = if quirks && dice.one_in(6) { dice.between(100, 5_400) } else { late };
    match (odd, dice.between(0, 6)) {
        // No time: FastF1 adds the sectors up. Or one that its sectors contradict.
        (true, 0) => teller.tell_again(at + late, car, [("LastLapTime.Value", "".into())]),
        (true, 1) => teller.tell(at + late, car, [("LastLapTime.Value", lap_time(time - 700).into())]),
        (true, 2) => {}
        // A time that is too long: by a little, by a lot.
        (true, 3) => teller.tell(at + late, car, [("LastLapTime.Value", lap_time(time + 12).into())]),
        (true, 4) => teller.tell(at + late, car, [("LastLapTime.Value", "2:29.999".into())]),
        _ => teller.tell(at + late, car, [("LastLapTime.Value", lap_time(time).into())]),
    }
}

/// The best time, when it is beaten, and once more when the lap is deleted.
fn personal_best(teller: &mut Teller, told: &Told, best: &mut [Option<i64>; 3], dice: &mut Dice) {
    let Told { car, lap, number, delay, .. } = *told;
    let time = lap.time();
    let before = best[lap.part];
    if !lap.timed || !lap.crosses_line || time > 150_000 || before.is_some_and(|before| before <= time) {
        return;
    }
    let race = teller.plan.kind.is_race();
    let part = format!("BestLapTimes.{}", lap.part);
    let at = lap.end() + delay;
    let mut tell = |at: i64, time: Option<i64>| {
        let value = Json::from(time.map_or_else(String::new, lap_time));
        if !race {
            teller.tell(at, car, [(format!("{part}.Value").as_str(), value.clone())]);
            if time.is_some() {
                teller.tell(at, car, [(format!("{part}.Lap").as_str(), number.into())]);
            } else {
                teller.tell(at, car, [(format!("{part}._deleted").as_str(), Json::List(vec!["Lap".into()]))]);
            }
        }
        teller.tell_again(at, car, [("BestLapTime.Value", value), ("BestLapTime.Lap", number.into())]);
    };
    tell(at, Some(time));
    best[lap.part] = Some(time);
    if let Some(deletion) = lap.deleted.as_ref().filter(|deletion| !deletion.reinstated) {
        tell(at + deletion.delay + dice.between(0, 900), before);
        best[lap.part] = before;
    }
}

/// The feed falls back to an older lap for a moment.
fn late_data(teller: &mut Teller, told: &Told) {
    let Told { car, lap, number, delay, .. } = *told;
    let at = lap.end() + delay + 9 * SECOND;
    teller.tell_again(
        at,
        car,
        [("NumberOfLaps", (number - 1).into()), ("LastLapTime.Value", "1:59.999".into())],
    );
    teller.tell_again(at + 700, car, [("Sectors.0.Value", "59.999".into())]);
    teller.tell_again(at + 1_500, car, [("NumberOfLaps", number.into())]);
}
