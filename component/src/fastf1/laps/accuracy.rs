//! Which laps can be trusted (FastF1's `_check_lap_accuracy`).

use super::super::lap::Lap;
use super::super::time::Timedelta;
use super::Participant;
use crate::document::Remarks;

/// By how many seconds times that should be equal may differ.
const TOLERANCE: f64 = 0.003;

/// Marks the laps that are accurate: all times are there and add up, no pit stop, green or yellow flags.
pub fn check(laps: &mut [Lap], drivers: &[Participant], remarks: &mut Remarks) {
    for driver in drivers {
        let mut previous: Option<&Lap> = None;
        let mut contradictions = 0;
        let verdicts: Vec<bool> = laps
            .iter()
            .filter(|lap| *lap.driver_number == *driver.number)
            .map(|lap| {
                let complete = is_complete(lap);
                let sectors_add_up = lap.sector_times.iter().copied().sum::<Option<Timedelta>>();
                let sectors_add_up = complete && equal(sectors_add_up, lap.lap_time).unwrap_or(false);
                // Laps behind the safety car, and the first one after it, often have wrong times.
                let after_safety_car = previous.is_some_and(|previous| previous.track_status == "4");
                let since_previous = previous.and_then(|previous| Some(lap.time? - previous.time?));
                let fits_previous = equal(since_previous, lap.lap_time).unwrap_or(true);
                contradictions += usize::from((complete && !sectors_add_up) || !fits_previous);
                previous = Some(lap);
                complete && sectors_add_up && !after_safety_car && fits_previous
            })
            .collect();
        let number = &driver.number;
        if verdicts.is_empty() {
            remarks.note(format!("driver {number}: no laps to check for accuracy"));
        }
        if contradictions > 0 {
            remarks
                .note(format!("driver {number}: the times of {contradictions} laps contradict each other"));
        }
        let of_driver = laps.iter_mut().filter(|lap| *lap.driver_number == *driver.number);
        for (lap, verdict) in of_driver.zip(verdicts) {
            lap.is_accurate = verdict;
        }
    }
}

fn is_complete(lap: &Lap) -> bool {
    lap.pit_in_time.is_none()
        && lap.pit_out_time.is_none()
        && !lap.generated
        && ["1", "2", "12", "21"].contains(&lap.track_status.as_str())
        && lap.lap_time.is_some()
        && lap.sector_times.iter().all(Option::is_some)
}

/// Whether two spans are the same within the tolerance, compared in seconds as `numpy.allclose` does; None
/// if one is missing.
fn equal(left: Option<Timedelta>, right: Option<Timedelta>) -> Option<bool> {
    Some((left?.total_seconds() - right?.total_seconds()).abs() <= TOLERANCE)
}
