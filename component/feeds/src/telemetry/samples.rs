//! All samples of a feed, read record by record as FastF1's `car_data` and `position_data` read them.

use std::marker::PhantomData;

use super::align::{NO_DATE, outer_merge};
use super::channels::{Car, Channels, Flaw, OFF_TRACK, Position, Sample, Telemetry, Texts};
use super::packed::Packed;
use super::plain::{PlainSample, samples};
use super::record::Unpacker;
use super::zero::{Offsets, reference};
use crate::feed::{Count, Unusable, split_timestamp};
use crate::lines::{Lines, text};
use crate::time::{Timedelta, Timestamp};
use crate::value::{Json, Value};

/// What a reader keeps of a feed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// What the tables need: about ten bytes a sample.
    Samples,
    /// What the zero date needs: a few numbers a driver.
    ZeroDate,
}

/// Takes a feed in chunks of any size. One that the upstream lacks is one without a byte.
pub struct Reader<F> {
    lines: Lines,
    unpacker: Unpacker,
    samples: Samples<F>,
    failed: Option<Unusable>,
}

/// What a feed holds.
pub struct Samples<F> {
    /// How many records there were, and of how many a part or all could not be read.
    pub count: Count,
    keep: Keep,
    /// The dates of all moments, in nanoseconds.
    dates: Vec<i64>,
    /// In order of their first appearance.
    drivers: Vec<DriverSamples>,
    texts: Texts,
    /// A value was read that no table can be made of.
    broken: bool,
    feed: PhantomData<F>,
}

pub struct DriverSamples {
    number: String,
    offsets: Offsets,
    rows: Packed<7>,
}

/// The index of a moment's date, then the channels.
type PackedSample = [i64; 7];

type Table<'a, F> = Box<dyn Iterator<Item = Sample<'a, F>> + 'a>;

impl<F: Telemetry> Reader<F> {
    pub fn new(keep: Keep) -> Self {
        let samples = Samples {
            count: Count::default(),
            keep,
            dates: Vec::new(),
            drivers: Vec::new(),
            texts: Texts::default(),
            broken: false,
            feed: PhantomData,
        };
        Reader { lines: Lines::default(), unpacker: Unpacker::new(), samples, failed: None }
    }

    fn take(&mut self, chunk: &[u8]) {
        if self.failed.is_none() {
            self.failed = self.read(chunk).err();
        }
    }

    fn read(&mut self, chunk: &[u8]) -> Result<(), Unusable> {
        self.lines.push(chunk);
        while let Some(line) = self.lines.next_line() {
            self.samples.read(&mut self.unpacker, text(line)?);
        }
        Ok(())
    }

    /// Fails if FastF1 fails to make tables of the feed: it has no telemetry and no zero date then,
    /// whatever the other feed holds.
    pub fn finish(self) -> Result<Samples<F>, Unusable> {
        let Reader { lines, samples, failed, .. } = self;
        failed.map_or(Ok(()), Err)?;
        text(lines.rest())?;
        if samples.broken {
            return Err(Unusable::new("a channel holds a value that is not a number"));
        }
        if let Some(driver) = samples.drivers.iter().find(|driver| driver.offsets.samples == 0) {
            return Err(Unusable::new(format!("car {} is named but has no sample", driver.number)));
        }
        Ok(samples)
    }
}

/// What the crate's user calls is built here, for speed: see the crate's own words.
macro_rules! concrete {
    ($($feed:ty),*) => {
        $(impl Reader<$feed> {
            /// Forgets what came: the feed begins, for the first time or anew.
            pub fn begin(&mut self) {
                *self = Reader::new(self.samples.keep);
            }

            #[inline(never)]
            pub fn push(&mut self, chunk: &[u8]) {
                self.take(chunk);
            }
        })*
    };
}

concrete!(Car, Position);

impl<F: Telemetry> Samples<F> {
    fn read(&mut self, unpacker: &mut Unpacker, line: &str) {
        let (timestamp, record) = split_timestamp(line);
        self.count.messages += 1;
        let time = Timedelta::parse(timestamp);
        let read = unpacker.unpack(record).and_then(|json| match samples::<F>(json, &mut self.texts) {
            Some(samples) => {
                self.plain(time, &samples);
                Some(())
            }
            None => self.record(time, Json::default().read(json)?),
        });
        if read.is_none() {
            self.count.undecodable += 1;
        }
    }

    fn plain(&mut self, time: Option<Timedelta>, samples: &[PlainSample]) {
        for moment in samples.chunk_by(|_, next| next.at > 0) {
            let date = date(moment.first().map(|sample| sample.date));
            for sample in moment {
                let driver = self.driver(sample.number, sample.at);
                self.add(driver, date, time, sample.channels);
            }
        }
    }

    /// None if a value is missing or not of the shape that FastF1 expects. What came before it stays.
    fn record(&mut self, time: Option<Timedelta>, record: Value) -> Option<()> {
        let moments = record.get(F::MOMENTS).filter(|moments| moments.is_list())?;
        for moment in moments.items() {
            let date = date(moment.get(F::DATE)?.text());
            let cars = moment.get(F::CARS)?;
            if !cars.is_object() && (!cars.is_list() || cars.is_truthy()) {
                return None;
            }
            for (at, (number, entry)) in cars.distinct_entries().enumerate() {
                let driver = self.driver(number, at);
                if !entry.is_object() {
                    return None;
                }
                match F::channels(entry, &mut self.texts) {
                    Ok(channels) => self.add(driver, date, time, channels),
                    Err(Flaw::Missing) => {}
                    Err(Flaw::Shape) => return None,
                    Err(Flaw::Value) => self.broken = true,
                }
            }
        }
        Some(())
    }

    /// The index of a driver, who is added if not yet known. `guess` is where to look first.
    fn driver(&mut self, number: &str, guess: usize) -> usize {
        if self.drivers.get(guess).is_some_and(|driver| driver.number == number) {
            return guess;
        }
        let known = self.drivers.iter().position(|driver| driver.number == number);
        known.unwrap_or_else(|| {
            let number = number.to_owned();
            self.drivers.push(DriverSamples { number, offsets: Offsets::new(), rows: Packed::new() });
            self.drivers.len() - 1
        })
    }

    fn add(&mut self, driver: usize, date: i64, time: Option<Timedelta>, channels: Channels) {
        let Some(driver) = self.drivers.get_mut(driver) else { return };
        driver.offsets.add(date, time.map(|time| time.0.saturating_mul(1000)));
        if self.keep == Keep::Samples {
            if self.dates.last() != Some(&date) {
                self.dates.push(date);
            }
            let [a, b, c, d, e, f] = channels;
            driver.rows.push([self.dates.len() as i64 - 1, a, b, c, d, e, f]);
        }
    }

    pub fn offsets(&self) -> Vec<Offsets> {
        self.drivers.iter().map(|driver| driver.offsets).collect()
    }

    pub fn find(&self, number: &str) -> Option<&DriverSamples> {
        self.drivers.iter().find(|driver| driver.number == number)
    }

    /// A driver's table, in FastF1's order of rows.
    pub fn table<'a>(
        &'a self,
        driver: &'a DriverSamples,
        zero: Option<Timestamp>,
    ) -> Result<Table<'a, F>, Unusable> {
        let complete = reference(&self.offsets()).and_then(|index| self.drivers.get(index));
        match complete.filter(|complete| complete.offsets.samples > driver.offsets.samples) {
            None => Ok(self.as_they_came(driver, zero)),
            Some(complete) => self.lined_up(driver, complete, zero),
        }
    }

    /// The table of the most complete driver, or of one with as many samples: FastF1 does not merge it. Its
    /// cast to texts makes a missing `Status` "None", and a column without any an empty text each.
    fn as_they_came<'a>(&'a self, driver: &'a DriverSamples, zero: Option<Timestamp>) -> Table<'a, F> {
        let any_status = F::STATUS.is_some() && driver.rows.iter().any(|row| self.status(&row).is_some());
        let unknown = if any_status { "None" } else { "" };
        Box::new(driver.rows.iter().map(move |row| self.sample(self.date(&row), zero, Some(&row), unknown)))
    }

    /// The table of a driver who has fewer samples than another one. What he lacks has no channels.
    fn lined_up(
        &self,
        driver: &DriverSamples,
        complete: &DriverSamples,
        zero: Option<Timestamp>,
    ) -> Result<Table<'_, F>, Unusable> {
        let dates =
            |driver: &DriverSamples| driver.rows.iter().map(|row| self.date(&row)).collect::<Vec<_>>();
        let order = outer_merge(&dates(driver), &dates(complete)).ok_or_else(|| {
            Unusable::new(format!("too many samples of car {} share their date", driver.number))
        })?;
        let rows: Vec<_> = driver.rows.iter().collect();
        Ok(Box::new(order.into_iter().map(move |(date, origin)| {
            let row = origin.and_then(|index| rows.get(index as usize));
            self.sample(date, zero, row, OFF_TRACK)
        })))
    }

    fn sample<'a>(
        &'a self,
        date: i64,
        zero: Option<Timestamp>,
        row: Option<&PackedSample>,
        unknown: &'a str,
    ) -> Sample<'a, F> {
        let date = (date != NO_DATE).then(|| round(date));
        Sample {
            date,
            time: date.zip(zero).map(|(date, zero)| date - zero),
            status: row.and_then(|row| self.status(row)).unwrap_or(unknown),
            channels: row.map(|[_, channels @ ..]| *channels),
            feed: PhantomData,
        }
    }

    fn date(&self, [moment, ..]: &PackedSample) -> i64 {
        usize::try_from(*moment).ok().and_then(|index| self.dates.get(index)).map_or(NO_DATE, |date| *date)
    }

    fn status(&self, [_, channels @ ..]: &PackedSample) -> Option<&str> {
        self.texts.get(*channels.get(F::STATUS?)?)
    }
}

/// A date in nanoseconds. pandas wraps around for those that it has none for, as year 1.
fn date(text: Option<&str>) -> i64 {
    text.and_then(Timestamp::parse).map_or(NO_DATE, |date| date.0.wrapping_mul(1000))
}

/// Nanoseconds since 1970 rounded to milliseconds, halves to even (pandas' `round("ms")`).
pub fn round(nanoseconds: i64) -> Timestamp {
    const MILLI: i64 = 1_000_000;
    let (whole, rest) = (nanoseconds.div_euclid(MILLI), nanoseconds.rem_euclid(MILLI));
    let up = rest > MILLI / 2 || (rest == MILLI / 2 && whole % 2 != 0);
    Timestamp((whole + i64::from(up)) * 1000)
}
