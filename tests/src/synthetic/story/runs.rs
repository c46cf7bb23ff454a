//! Practice and qualifying: cars go out for a few laps, come back and go out again.

use super::super::clock::{MINUTE, SECOND};
use super::super::dice::Dice;
use super::super::weekend::Weekend;
use super::super::{Kind, Plan};
use super::{Car, Deletion, Fate, Lap, Message, Stint, Story, Track};

/// One part of the session: the cars of the whole of a practice, or those still in a qualifying.
struct Part {
    start: i64,
    end: i64,
    red: Option<(i64, i64)>,
}

pub fn story(plan: &Plan, weekend: Weekend) -> Story {
    let dice = &mut Dice::new(plan.seed, "runs");
    let track = Track::new(dice);
    let start = dice.between(14, 17) * MINUTE;
    let parts = parts(plan, start, dice);
    let last = parts.last().map_or(start, |part| part.end);
    let rain =
        plan.rain.then(|| (start + dice.between(2, 5) * MINUTE, start + dice.between(14, 25) * MINUTE));
    let mut cars: Vec<Car> = weekend
        .drivers
        .iter()
        .zip(1..)
        .map(|(driver, place)| Car {
            driver: driver.clone(),
            grid: place,
            laps: Vec::new(),
            stints: Vec::new(),
            fate: Fate::Running,
        })
        .collect();
    // One car that never leaves its box, one that stops out on the track.
    if plan.cars > 6 {
        cars[plan.cars - 1].fate = Fate::Withdrew;
    }
    let mut still_in: Vec<usize> = (0..cars.len()).filter(|&i| cars[i].fate == Fate::Running).collect();
    for (n, part) in parts.iter().enumerate() {
        for &i in &still_in {
            let pace = track.lap + i as i64 * 160 + dice.between(-200, 500) - n as i64 * 300;
            Outings { plan, track: &track, part, n, place: i, rain, pace }.drive(&mut cars[i], dice);
        }
        // The slowest quarter of the field is out after each part.
        still_in.sort_by_key(|&i| best(&cars[i], n));
        still_in.truncate(still_in.len().saturating_sub((plan.cars / 4).max(1)).max(1));
        still_in.retain(|&i| cars[i].fate == Fate::Running);
    }

    let mut story = Story {
        weekend,
        track,
        cars,
        session_status: vec![(3_400, "Inactive")],
        track_status: vec![(0, "1")],
        messages: Vec::new(),
        parts: parts.iter().map(|part| part.start).collect(),
        rain,
        start,
        end: last + 8 * MINUTE,
    };
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            story.session_status.push((part.start - 2 * MINUTE, "Inactive"));
        }
        story.session_status.extend([(part.start + 300, "Started"), (part.end + 300, "Finished")]);
        let flag = |flag, at, text| Message { flag: Some(flag), ..Message::new(at, "Flag", text) };
        story.messages.push(flag("GREEN", part.start, "GREEN LIGHT - PIT EXIT OPEN"));
        story.messages.push(flag("CHEQUERED", part.end, "CHEQUERED FLAG"));
        if let Some((from, to)) = part.red {
            story.session_status.extend([(from, "Aborted"), (to - MINUTE, "Inactive"), (to, "Started")]);
            story.track_status.extend([(from - 5 * SECOND, "2"), (from + 350, "5"), (to - MINUTE, "1")]);
            story.messages.push(flag("RED", from, "RED FLAG"));
        }
    }
    story.session_status.extend([(last + 3 * MINUTE, "Finalised"), (last + 6 * MINUTE, "Ends")]);
    story
}

fn parts(plan: &Plan, start: i64, dice: &mut Dice) -> Vec<Part> {
    let lengths: &[i64] = match plan.kind {
        Kind::Practice => &[60],
        Kind::SprintQualifying => &[12, 10, 8],
        _ => &[18, 15, 12],
    };
    // Where it is given up early, the last part does not take place.
    let lengths = &lengths[..(lengths.len() - usize::from(plan.abandoned && lengths.len() > 1))];
    // A red flag falls into the second part if there is one.
    let red_in = lengths.len().min(2) - 1;
    let mut from = start;
    let mut parts = Vec::new();
    for (n, minutes) in lengths.iter().enumerate() {
        let mut end = from + minutes * MINUTE;
        let red = (plan.red_flag && n == red_in).then(|| {
            let stop = from + minutes * MINUTE / 2 + dice.between(-60, 60) * SECOND;
            let go = stop + dice.between(6, 12) * MINUTE;
            end += go - stop;
            (stop, go)
        });
        parts.push(Part { start: from, end, red });
        from = end + dice.between(6, 8) * MINUTE;
    }
    parts
}

/// One part as one car finds it.
struct Outings<'a> {
    plan: &'a Plan,
    track: &'a Track,
    part: &'a Part,
    /// Which part it is.
    n: usize,
    /// The car's place in the list of drivers: who has which accident.
    place: usize,
    rain: Option<(i64, i64)>,
    pace: i64,
}

impl Outings<'_> {
    /// The runs of the car: two or three, as long as there is time.
    fn drive(&self, car: &mut Car, dice: &mut Dice) {
        let Outings { plan, track, part, n, place, .. } = *self;
        let mut t = part.start + dice.between(5, 120) * SECOND;
        if plan.quirks && place + 2 == plan.cars && n == 0 {
            // To the end of the pit lane and back, nothing timed.
            let (pit_out, pit_in) = (Some(t), Some(t + 90 * SECOND));
            car.laps.push(Lap { start: t, pit_out, pit_in, part: n, ..Lap::default() });
            if plan.oddity(2, 0) {
                return;
            }
            t += 4 * MINUTE;
        }
        for run in 0..dice.between(2, 3) {
            t = self.run(run, t, car, dice);
            if car.fate != Fate::Running {
                return;
            }
            t += dice.between(2, 6) * MINUTE;
            if let Some((_, go)) = part.red.filter(|&(stop, go)| t + 2 * track.lap > stop && t < go) {
                t = go + dice.between(3, 90) * SECOND;
            }
            if t > part.end - track.lap {
                return;
            }
        }
    }

    /// Out-lap, timed laps with a cool-down lap here and there, in-lap. Gives when it ends.
    fn run(&self, run: i64, mut t: i64, car: &mut Car, dice: &mut Dice) -> i64 {
        let Outings { plan, track, part, n, pace, .. } = *self;
        let laps =
            if plan.kind == Kind::Practice { dice.between(2, plan.laps.max(2)) } else { dice.between(1, 3) };
        let wet = self.rain.is_some_and(|(from, to)| (from..to).contains(&t));
        let compound = if wet {
            dice.pick(&["INTERMEDIATE", "WET"])
        } else {
            dice.pick(&["SOFT", "SOFT", "MEDIUM", "HARD"])
        };
        let changed = run == 0 || !dice.one_in(5);
        car.stints.push(Stint { compound, age: dice.pick(&[0, 0, 3, 6]), from: t, changed });
        let mut out = Some(t);
        for in_run in 0..=laps + 1 {
            let first = in_run == 0;
            let red = part.red.is_some_and(|(stop, _)| t < stop && t + 2 * track.lap > stop);
            let last = in_run == laps + 1 || t > part.end || red;
            let slow = first || last || (in_run > 1 && dice.one_in(3));
            let mut time = pace + dice.between(-500, 700) + if wet { pace / 9 } else { 0 };
            if slow {
                time = time * dice.between(118, 165) / 100;
            }
            let mut lap = Lap {
                start: t,
                sectors: track.sectors(time, dice),
                stint: car.stints.len() - 1,
                part: n,
                pit_out: out.take(),
                crosses_line: !last,
                timed: !first,
                ..Lap::default()
            };
            if last {
                lap.pit_in = Some(lap.end() - dice.between(2, 6) * SECOND);
            } else if !slow && dice.one_in(7) {
                lap.deleted = Some(Deletion {
                    delay: dice.between(15, 200) * SECOND,
                    reinstated: dice.one_in(5),
                    turn: dice.between(1, 19),
                });
            }
            t = lap.end();
            if self.breaks_down(run, first) {
                lap.sectors = [lap.sectors[0], 0, 0];
                (lap.crosses_line, lap.pit_in, lap.deleted) = (false, None, None);
                car.fate = Fate::StoppedOnTrack { at: lap.end() };
            }
            car.laps.push(lap);
            if last || car.fate != Fate::Running {
                break;
            }
        }
        t
    }

    /// One car stops on its way out of the pits, or on a lap of its second run.
    fn breaks_down(&self, run: i64, first: bool) -> bool {
        let now = if self.plan.seed.is_multiple_of(2) { run == 1 && !first } else { first };
        now && self.n == 0 && self.place == 1 && self.plan.cars > 5
    }
}

/// The best time of a part that stands, for the order after it; none is last.
fn best(car: &Car, part: usize) -> i64 {
    let valid = |lap: &&Lap| {
        lap.part == part && lap.crosses_line && lap.timed && lap.deleted.as_ref().is_none_or(|d| d.reinstated)
    };
    car.laps.iter().filter(valid).map(Lap::time).min().unwrap_or(i64::MAX)
}
