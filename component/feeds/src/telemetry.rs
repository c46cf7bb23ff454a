//! Telemetry: FastF1's `session.car_data` and `session.pos_data` from the `CarData.z` and `Position.z` feeds.
//!
//! ```text
//! chunks of a feed → lines → [record] unpacked → [plain] or any JSON → [channels] → [samples] kept, packed
//!     both feeds → [zero] date → rows lined up ([align]) → JSON, row by row
//! ```

mod align;
mod channels;
mod cursor;
mod packed;
mod plain;
mod record;
mod samples;
mod zero;

pub use channels::{Car, Position};
pub use samples::{Keep, Reader, Samples};

use super::feed::Unusable;
use super::table::{Out, Written};
use super::time::Timestamp;
use channels::{Sample, Telemetry};

/// The moment of session time 0, in whole milliseconds (FastF1's `Session.t0_date`). None if neither feed
/// tells it.
pub fn zero_date(car: &Samples<Car>, position: &Samples<Position>) -> Option<Timestamp> {
    zero::zero_date([&car.offsets(), &position.offsets()]).map(samples::round)
}

/// The document `{"car_data": {number: [row, ...]}, "pos_data": {...}}` in pieces of some ten thousand bytes.
///
/// It holds the tables of those `drivers` that have samples, in that order. FastF1's are `session.drivers`, in
/// the order that they have before it computes results from laps. Fails if lining a driver up would multiply
/// the samples beyond measure.
pub fn document<'a>(
    car: &'a Samples<Car>,
    position: &'a Samples<Position>,
    drivers: &'a [String],
) -> Box<dyn Iterator<Item = Piece> + 'a> {
    let zero = zero_date(car, position);
    let pieces = piece("{\"car_data\":{")
        .chain(tables(car, zero, drivers))
        .chain(piece("},\"pos_data\":{"))
        .chain(tables(position, zero, drivers))
        .chain(piece("}}"));
    Box::new(pieces)
}

type Piece = Result<Vec<u8>, Unusable>;

fn tables<'a, F: Telemetry + 'a>(
    samples: &'a Samples<F>,
    zero: Option<Timestamp>,
    drivers: &'a [String],
) -> impl Iterator<Item = Piece> + 'a
where
    Sample<'a, F>: Written,
{
    let present = drivers.iter().filter_map(|number| samples.find(number).map(|driver| (number, driver)));
    present.enumerate().flat_map(move |(index, (number, driver))| {
        let comma = if index == 0 { "" } else { "," };
        let number = serde_json::Value::from(number.as_str());
        let rows: Box<dyn Iterator<Item = Piece>> = match samples.table(driver, zero) {
            Ok(rows) => Box::new(written(rows)),
            Err(unusable) => Box::new(std::iter::once(Err(unusable))),
        };
        piece(&format!("{comma}{number}:[")).chain(rows).chain(piece("]"))
    })
}

/// Rows as JSON, many to a piece.
fn written(mut rows: impl Iterator<Item = impl Written>) -> impl Iterator<Item = Piece> {
    const PIECE: usize = 64 << 10;
    let mut is_behind = false;
    std::iter::from_fn(move || {
        let mut json = Out::new(PIECE + (4 << 10));
        while json.length() < PIECE
            && let Some(row) = rows.next()
        {
            json.row(is_behind, &row);
            is_behind = true;
        }
        (json.length() > 0).then(|| Ok(json.finish()))
    })
}

fn piece(text: &str) -> impl Iterator<Item = Piece> + use<> {
    std::iter::once(Ok(text.as_bytes().to_vec()))
}
