//! Places and gaps: who crossed the line when, or who has the best time.

use super::super::super::clock::gap;
use super::super::super::dice::Dice;
use super::super::super::story::{Car, Story};
use super::Teller;
use super::laps::{SEGMENTS, segments};

/// One car at a timing point.
struct Passing<'a> {
    at: i64,
    car: &'a Car,
    /// Mini-sectors passed since the start.
    point: usize,
}

/// Places and gaps of a race, at the end of every mini-sector.
pub fn tell_race(teller: &mut Teller, dice: &mut Dice) {
    let story = teller.story;
    let passings = passings(story);
    // When the first car was at each point, and the car before.
    let mut first: Vec<i64> = Vec::new();
    let mut last: Vec<i64> = Vec::new();
    let mut place_at: Vec<i64> = Vec::new();
    let mut leader_point = 0;
    for Passing { at, car, point } in passings {
        if first.len() <= point {
            first.resize(point + 1, i64::MAX);
            last.resize(point + 1, 0);
            place_at.resize(point + 1, 0);
        }
        leader_point = leader_point.max(point);
        place_at[point] += 1;
        let place = place_at[point];
        let lapped = (leader_point - point) / (3 * SEGMENTS);
        let (to_leader, ahead) = if place == 1 {
            first[point] = at;
            let lap = format!("LAP {}", point / (3 * SEGMENTS) + 1);
            (lap.clone(), lap)
        } else if lapped > 0 {
            (format!("{lapped}L"), gap(at - last[point]))
        } else {
            (gap(at - first[point]), gap(at - last[point]))
        };
        last[point] = at;
        let at = at + dice.between(0, 120);
        teller.tell(
            at,
            car,
            [
                ("GapToLeader", to_leader.into()),
                ("IntervalToPositionAhead.Value", ahead.into()),
                ("Position", place.to_string().into()),
                ("Line", place.into()),
            ],
        );
    }
}

fn passings(story: &Story) -> Vec<Passing<'_>> {
    let mut passings = Vec::new();
    for car in &story.cars {
        for (i, lap) in car.laps.iter().enumerate() {
            for (n, at) in segments(lap) {
                // The last one ends at the line.
                if n + 1 < 3 * SEGMENTS || lap.crosses_line {
                    passings.push(Passing { at, car, point: 3 * SEGMENTS * i + n + 1 });
                }
            }
        }
    }
    passings.sort_by_key(|passing| passing.at);
    passings
}

/// Places outside a race: by the best time so far, told when one is set.
pub fn tell_best_times(teller: &mut Teller) {
    let story = teller.story;
    let mut laps: Vec<(i64, i64, &Car)> = story
        .cars
        .iter()
        .flat_map(|car| {
            car.laps
                .iter()
                .filter(|lap| lap.timed && lap.crosses_line)
                .map(move |lap| (lap.end(), lap.time(), car))
        })
        .collect();
    laps.sort_by_key(|&(at, ..)| at);
    let mut best: Vec<(i64, &Car)> = Vec::new();
    for (at, time, car) in laps {
        if best.iter().any(|&(old, who)| who.driver == car.driver && old <= time) {
            continue;
        }
        best.retain(|(_, who)| who.driver != car.driver);
        best.push((time, car));
        best.sort_by_key(|&(time, _)| time);
        for (&(time, car), place) in best.iter().zip(1..) {
            let behind = if place == 1 { String::new() } else { gap(time - best[0].0) };
            teller.tell(
                at + 15,
                car,
                [
                    ("Position", place.to_string().into()),
                    ("Line", place.into()),
                    ("TimeDiffToFastest", behind.into()),
                ],
            );
        }
    }
}
