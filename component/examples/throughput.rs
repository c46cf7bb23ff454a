//! How fast a session's feeds become tables, for `tests/bench/throughput.py`: the same code inside the sandbox and
//! natively.
//!
//! `throughput FOLDER SECONDS`: FOLDER holds `<Topic>.jsonStream` files, as livetiming files them.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use f1_ingest_component::fastf1::tables::{Sources, Tables};
use f1_ingest_component::fastf1::timing;
use f1_ingest_component::session::{Session, SessionName};
use f1_ingest_feeds::telemetry::{self, Car, Keep, Position, Reader, Samples};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, seconds] = arguments.as_slice() else { panic!("usage: throughput FOLDER SECONDS") };
    let seconds: f64 = seconds.parse().expect("a number of seconds");
    let feeds: Vec<(String, Vec<u8>)> = feeds(Path::new(folder));
    let feed = |topic: &str| {
        let found = feeds.iter().find(|(name, _)| name.strip_suffix(".jsonStream") == Some(topic));
        found.map(|(_, bytes)| bytes.as_slice())
    };
    let timing_data = feed("TimingData").expect("a folder with TimingData.jsonStream");
    report("TimingData", timing_data.len(), seconds, || drop(black_box(timing::read(timing_data))));
    let day = chrono::NaiveDate::from_ymd_opt(2018, 4, 29).expect("a day");
    let session = Session {
        season: 2018,
        round: 4,
        event: "Grand Prix".into(),
        name: SessionName::Race,
        event_date: day,
        session_date: day,
        starts: day.and_hms_opt(12, 10, 0).expect("a time"),
        timing: true,
        corrected: None,
    };
    let is_table = |name: &str| !name.contains(".z.");
    let all: usize = feeds.iter().filter(|(name, _)| is_table(name)).map(|(_, bytes)| bytes.len()).sum();
    report("all tables", all, seconds, || {
        let tables =
            Tables::of(&session, &Sources { feed: &feed, results: None, first_lap: None, zero_date: None });
        drop(black_box(tables.to_json()));
    });
    if let (Some(car), Some(position)) = (feed("CarData.z"), feed("Position.z")) {
        report("samples", car.len() + position.len(), seconds, || drop(black_box(samples(car, position))));
        let (car, position) = samples(car, position);
        let drivers: Vec<String> = (1..100).map(|number| number.to_string()).collect();
        let document = || telemetry::document(&car, &position, &drivers).map(|piece| piece.expect("rows"));
        let size = document().map(|piece| piece.len()).sum();
        report("telemetry, written", size, seconds, || {
            black_box(document().count());
        });
    }
}

fn samples(car: &[u8], position: &[u8]) -> (Samples<Car>, Samples<Position>) {
    let mut read = (Reader::<Car>::new(Keep::Samples), Reader::<Position>::new(Keep::Samples));
    car.chunks(64 << 10).for_each(|chunk| read.0.push(chunk));
    position.chunks(64 << 10).for_each(|chunk| read.1.push(chunk));
    (read.0.finish().expect("samples"), read.1.finish().expect("samples"))
}

fn feeds(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(folder).expect("a folder of feeds");
    let read = |file: std::io::Result<std::fs::DirEntry>| {
        let file = file.expect("a file");
        (
            file.file_name().to_string_lossy().into_owned(),
            std::fs::read(file.path()).expect("a readable file"),
        )
    };
    files.map(read).collect()
}

/// Runs `work` on `bytes` bytes for so many seconds and prints the median throughput.
fn report(name: &str, bytes: usize, seconds: f64, mut work: impl FnMut()) {
    let begin = Instant::now();
    let mut times = Vec::new();
    while begin.elapsed().as_secs_f64() < seconds {
        let begin = Instant::now();
        work();
        times.push(begin.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    let median = times.get(times.len() / 2).expect("at least one run");
    println!("{name}\t{:.1} MB/s\t{:.2} ms", bytes as f64 / 1e6 / median, median * 1e3);
}
