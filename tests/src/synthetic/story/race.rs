//! A race or a sprint: the cars go round, the slow ones are lapped, things happen.

use super::super::clock::{MINUTE, SECOND};
use super::super::dice::Dice;
use super::super::weekend::Weekend;
use super::super::{Kind, Plan};
use super::{Car, Deletion, Fate, Lap, Message, PitLane, Stint, Story, Track};

/// A stretch of the race under a safety car or a red flag.
#[derive(Debug, Clone, Copy)]
struct Interruption {
    from: i64,
    to: i64,
}

impl Interruption {
    fn holds(self, t: i64) -> bool {
        (self.from..self.to).contains(&t)
    }
}

/// What one car is going to do.
struct Drive {
    pace: i64,
    /// Time of the last line crossing.
    t: i64,
    /// Laps at whose end it comes in, and whether it takes tyres.
    stops: Vec<(i64, bool)>,
    /// The lap that it does not finish, and whether it makes it to the pits.
    gives_up: Option<(i64, bool)>,
    out_from: Option<i64>,
    /// It has come in for the red flag.
    waited: bool,
    done: bool,
}

pub fn story(plan: &Plan, weekend: Weekend) -> Story {
    let dice = &mut Dice::new(plan.seed, "race");
    let track = Track::new(dice);
    let start = dice.between(42, 55) * MINUTE + dice.between(0, 59_999);
    let after =
        |laps: i64, dice: &mut Dice| start + laps * track.lap + dice.between(2_000, track.lap - 2_000);

    let third = (plan.laps / 3).max(1);
    let safety_car = plan.safety_car.then(|| {
        let from = after(third, dice);
        Interruption { from, to: from + 3 * track.lap }
    });
    let red = (plan.red_flag || plan.abandoned).then(|| {
        let from = after((2 * third).max(2), dice);
        Interruption { from, to: from + dice.between(12, 25) * MINUTE }
    });
    let rain = plan.rain.then(|| (after(third.max(2) - 1, dice), after(2 * third + 1, dice)));

    let mut cars = grid(plan, &weekend, dice);
    let mut drives = drives(plan, &mut cars, &track, start, dice);
    let mut flag_falls = i64::MAX;

    // Always the car that is furthest behind in time moves next, so that gaps are known.
    while let Some(i) = (0..cars.len()).filter(|&i| !drives[i].done).min_by_key(|&i| drives[i].t) {
        let (drive, car) = (&mut drives[i], &mut cars[i]);
        let number = car.lap_count() + 1;
        let abandoned = plan.abandoned && red.is_some_and(|red| drive.t > red.from);
        if number > plan.laps || drive.t >= flag_falls || abandoned {
            drive.done = true;
            continue;
        }
        let ahead = if number > 1 { ahead_at(&cars, i, number) } else { None };
        let (drive, car) = (&mut drives[i], &mut cars[i]);
        let lap =
            next_lap(&Moment { plan, track: &track, safety_car, red, rain }, number, ahead, drive, car, dice);
        let end = lap.end();
        if drive.done {
            car.fate =
                if lap.pit_in.is_some() { Fate::RetiredInPit } else { Fate::StoppedOnTrack { at: end } };
        } else if number == plan.laps {
            flag_falls = flag_falls.min(end);
        }
        drive.t = end;
        car.laps.push(lap);
    }

    let finish =
        if flag_falls == i64::MAX { drives.iter().map(|d| d.t).max().unwrap_or(start) } else { flag_falls };
    let mut story = Story {
        weekend,
        track,
        cars,
        session_status: vec![(1_200, "Inactive"), (start, "Started")],
        track_status: vec![(0, "1")],
        messages: Vec::new(),
        parts: vec![start],
        rain,
        start,
        end: finish + 9 * MINUTE,
    };
    tell_flags(&mut story);
    if let Some(safety_car) = safety_car {
        tell_safety_car(&mut story, safety_car, dice.one_in(2));
    }
    if let Some(red) = red {
        tell_red_flag(&mut story, red, plan.abandoned);
    }
    // The status sometimes says so a moment before the last car's time is in; not at all, if the race
    // was given up under the red flag.
    if !plan.abandoned {
        story.session_status.push((finish + dice.between(-400, 2_500), "Finished"));
    }
    story.session_status.extend([(finish + 4 * MINUTE, "Finalised"), (finish + 6 * MINUTE, "Ends")]);
    story
        .messages
        .push(Message { flag: Some("CHEQUERED"), ..Message::new(finish + 300, "Flag", "CHEQUERED FLAG") });
    story
}

fn grid(plan: &Plan, weekend: &Weekend, dice: &mut Dice) -> Vec<Car> {
    let mut drivers = weekend.drivers.clone();
    dice.shuffle(&mut drivers);
    let dry: &[&str] = if weekend.season == 2018 {
        &["SUPERSOFT", "ULTRASOFT", "SOFT"]
    } else {
        &["SOFT", "MEDIUM", "HARD"]
    };
    let last = drivers.len() as i64;
    drivers
        .into_iter()
        .zip(1..)
        .map(|(driver, place)| Car {
            driver,
            // The last one starts from the pit lane: grid 0 at Jolpica.
            grid: if place == last && plan.cars > 4 { 0 } else { place },
            laps: Vec::new(),
            stints: vec![Stint {
                compound: dice.pick(dry),
                age: dice.pick(&[0, 0, 3, 4]),
                from: 0,
                changed: true,
            }],
            fate: Fate::Running,
        })
        .collect()
}

/// Stops, retirements and pace. With five cars or more somebody gives up on track and somebody in the
/// pits; with seven somebody does not get round the first lap, and somebody not even to the grid.
fn drives(plan: &Plan, cars: &mut [Car], track: &Track, start: i64, dice: &mut Dice) -> Vec<Drive> {
    let many = cars.len();
    let mut slots: Vec<usize> = (1..many).collect();
    dice.shuffle(&mut slots);
    let role = |nth: usize, at_least: usize| (many >= at_least).then(|| slots[nth]);
    let (on_track, in_pit, crash, withdrew, drive_through) =
        (role(0, 5), role(1, 6), role(2, 7), role(3, 8), role(4, 6));
    cars.iter_mut()
        .enumerate()
        .map(|(i, car)| {
            let mut stops = vec![(dice.between(plan.laps * 2 / 5, plan.laps * 3 / 5).max(1), true)];
            if drive_through == Some(i) {
                stops.push((dice.between(2, (plan.laps - 1).max(2)), false));
            }
            if plan.kind == Kind::Sprint && !dice.one_in(4) {
                stops.clear();
            }
            let gives_up = match Some(i) {
                me if me == on_track => Some((dice.between(plan.laps / 2, plan.laps).max(2), false)),
                me if me == in_pit => Some((dice.between(2, plan.laps).max(2), true)),
                _ => None,
            };
            if crash == Some(i) {
                car.fate = Fate::CrashedAtStart;
            } else if withdrew == Some(i) {
                car.fate = Fate::Withdrew;
            }
            // The last one is slow enough to be lapped.
            let slow = if i + 1 == many && plan.laps > 8 { track.lap * 3 / (2 * plan.laps) } else { 0 };
            Drive {
                pace: track.lap + i as i64 * 140 + dice.between(0, 250) + slow,
                t: start,
                stops,
                gives_up,
                out_from: None,
                waited: false,
                done: car.fate != Fate::Running,
            }
        })
        .collect()
}

/// When the last car that has finished this lap so far crossed the line.
fn ahead_at(cars: &[Car], me: usize, number: i64) -> Option<i64> {
    let ends = cars.iter().enumerate().filter(|&(i, _)| i != me);
    ends.filter_map(|(_, car)| car.laps.get(number as usize - 1))
        .filter(|lap| lap.crosses_line)
        .map(Lap::end)
        .max()
}

struct Moment<'a> {
    plan: &'a Plan,
    track: &'a Track,
    safety_car: Option<Interruption>,
    red: Option<Interruption>,
    rain: Option<(i64, i64)>,
}

/// Drives one lap and says so to `drive` and `car` (stops, new tyres, giving up).
fn next_lap(
    now: &Moment,
    number: i64,
    ahead: Option<i64>,
    drive: &mut Drive,
    car: &mut Car,
    dice: &mut Dice,
) -> Lap {
    let track = now.track;
    let t = drive.t;
    let mut time = drive.pace + dice.between(-350, 350);
    // Fuel burns, tyres wear; a standing start takes its time.
    time += (now.plan.laps - number) * 25 + if number == 1 { 5_000 + car.grid * 300 } else { 0 };
    let wet = now.rain.is_some_and(|(from, to)| (from..to).contains(&t));
    let on_slicks = car.stints.last().is_some_and(|stint| !["INTERMEDIATE", "WET"].contains(&stint.compound));
    if wet {
        time += time * if on_slicks { 18 } else { 11 } / 100;
    }
    let pit_out = drive.out_from.take();
    // From the line to the pit exit, the stop or the whole interruption included.
    let wait = pit_out.map_or(0, |out| (out - t).max(2_000));
    let mut stop = drive.stops.iter().find(|&&(lap, _)| lap == number).map(|&(_, tyres)| tyres);
    if wet == on_slicks && number < now.plan.laps && now.rain.is_some() && dice.one_in(2) {
        stop = Some(true);
    }

    if now.safety_car.is_some_and(|safety_car| safety_car.holds(t)) {
        time = time * 142 / 100;
        if let Some(ahead) = ahead {
            // Closing up behind the queue, but never through it.
            time = time.min((ahead - t).max(0) + dice.between(700, 1_600)).max(ahead - t + 600);
        }
    }
    let red = now.red.filter(|red| !drive.waited && t + wait + time > red.from && t < red.to);
    if red.is_some() {
        time = time * 150 / 100;
        stop = Some(true);
        drive.waited = true;
    }

    let mut lap = Lap {
        start: t,
        sectors: track.sectors(time, dice),
        stint: car.stints.len() - 1,
        pit_out,
        crosses_line: true,
        timed: number > 1,
        ..Lap::default()
    };
    lap.sectors[0] += wait;
    let before = car.laps.last().filter(|before| before.timed && before.pit_out.is_none() && wait == 0);
    if let Some(before) = before.filter(|_| now.plan.quirks && red.is_none() && dice.one_in(12)) {
        // The same time again, which the feed then does not repeat; and sometimes the same first sector.
        let (shift, longer) = dice.pick(&[(0, 0), (7, 0), (0, 31)]);
        lap.sectors =
            [before.sectors[0] + shift, before.sectors[1] - shift - 2, before.sectors[2] + 2 + longer];
    }
    if let Some((_, to_pits)) = drive.gives_up.filter(|&(last, _)| last == number) {
        drive.done = true;
        if to_pits {
            lap.pit_in = Some(lap.end() - 6 * SECOND);
            lap.crosses_line = track.pit == PitLane::AcrossLine;
        } else {
            // Somewhere in the second sector.
            lap.sectors = [lap.sectors[0], 0, 0];
            lap.crosses_line = false;
        }
        return lap;
    }
    if let Some(tyres) = stop.filter(|_| number < now.plan.laps) {
        pit(&mut lap, now, red, tyres, drive, car, dice);
    } else if number > 1 && dice.one_in(25) {
        lap.deleted = Some(Deletion {
            delay: dice.between(20, 120) * SECOND,
            reinstated: dice.one_in(4),
            turn: dice.between(1, 19),
        });
    }
    lap
}

/// Brings the car in at the end of this lap and out again, on the side of the line where the boxes are.
fn pit(
    lap: &mut Lap,
    now: &Moment,
    red: Option<Interruption>,
    tyres: bool,
    drive: &mut Drive,
    car: &mut Car,
    dice: &mut Dice,
) {
    let stand = if tyres { dice.between(19, 26) } else { dice.between(13, 16) } * SECOND;
    let line = lap.end();
    let (pit_in, mut pit_out) = match now.track.pit {
        PitLane::AcrossLine => (line - 6 * SECOND, line - 6 * SECOND + stand),
        PitLane::AfterLine => (line + 2 * SECOND, line + 2 * SECOND + stand),
        // The whole stop lies in this lap; the way out is seconds before the line.
        PitLane::BeforeLine => {
            lap.sectors[2] += stand;
            (lap.end() - stand - 3 * SECOND, lap.end() - dice.between(1_500, 4_000))
        }
    };
    if let Some(red) = red {
        // Everybody waits in the pit lane; the clock of the next lap (of this one, if the line is
        // behind the boxes) runs on.
        pit_out = red.to + dice.between(4, 9) * SECOND + car.grid * 1_700;
        if now.track.pit == PitLane::BeforeLine {
            lap.sectors[2] += pit_out + 3 * SECOND - lap.end();
        }
    }
    lap.pit_in = Some(pit_in);
    drive.out_from = Some(pit_out);
    let dry = ["SOFT", "MEDIUM", "HARD"];
    let raining = now.rain.is_some_and(|(from, to)| (from..to).contains(&pit_in));
    let old = car.stints.last().map_or("SOFT", |stint| stint.compound);
    let compound = match (tyres, raining) {
        (false, _) => old,
        (true, true) => dice.pick(&["INTERMEDIATE", "INTERMEDIATE", "WET"]),
        (true, false) => dice.pick(&dry),
    };
    car.stints.push(Stint { compound, age: dice.pick(&[0, 0, 0, 2, 5]), from: pit_in, changed: tyres });
}

/// What race control says in every race.
fn tell_flags(story: &mut Story) {
    story.messages.push(Message {
        flag: Some("GREEN"),
        ..Message::new(story.start - 40 * MINUTE, "Flag", "GREEN LIGHT - PIT EXIT OPEN")
    });
    for (at, status) in
        [(story.start - 39 * MINUTE, "DISABLED"), (story.start + 3 * story.track.lap, "ENABLED")]
    {
        let status_text = format!("DRS {status}");
        story.messages.push(Message { status: Some(status), ..Message::new(at, "Drs", status_text) });
    }
    let blue: Vec<(i64, i64)> = story
        .cars
        .iter()
        .filter(|car| car.lap_count() > 3)
        .map(|car| (car.driver.number, car.laps[car.laps.len() - 2].start + 9_000))
        .take(2)
        .collect();
    for (number, at) in blue {
        let text = format!("WAVED BLUE FLAG FOR CAR {number} TIMED AT 15:04:05");
        story.messages.push(Message {
            flag: Some("BLUE"),
            number: Some(number),
            ..Message::new(at, "Flag", text)
        });
    }
}

fn tell_safety_car(story: &mut Story, Interruption { from, to }: Interruption, virtual_first: bool) {
    story.track_status.extend([(from - 20 * SECOND, "2"), (from, if virtual_first { "6" } else { "4" })]);
    if virtual_first {
        story.track_status.extend([(from + 40 * SECOND, "7"), (from + 50 * SECOND, "4")]);
    }
    story.track_status.push((to, "1"));
    for (at, status) in [(from, "DEPLOYED"), (to - story.track.lap, "IN THIS LAP")] {
        let text = format!("SAFETY CAR {status}");
        story.messages.push(Message { status: Some(status), ..Message::new(at, "SafetyCar", text) });
    }
    story.messages.push(Message { flag: Some("CLEAR"), ..Message::new(to, "Flag", "TRACK CLEAR") });
}

/// The restart too, unless the race was given up.
fn tell_red_flag(story: &mut Story, Interruption { from, to }: Interruption, abandoned: bool) {
    story.session_status.push((from, "Aborted"));
    story.track_status.push((from + 350, "5"));
    story.messages.push(Message { flag: Some("RED"), ..Message::new(from, "Flag", "RED FLAG") });
    if abandoned {
        return;
    }
    story.session_status.extend([(to - 2 * MINUTE, "Inactive"), (to, "Started")]);
    story.track_status.push((to - MINUTE, "1"));
    story.messages.push(Message::new(to - 10 * MINUTE, "Other", "RACE WILL RESUME IN 10 MINUTES"));
}
