//! Telemetry against what FastF1 3.9.0 makes of the same feeds, which are made up; the workspace's tests have
//! recorded ones.

use f1_ingest_feeds::feed::Unusable;
use f1_ingest_feeds::telemetry::{Car, Keep, Position, Reader, document};
use proptest::prelude::*;

/// The document of two feeds that arrive in chunks; or why there is none.
fn read(car: &[u8], position: &[u8], drivers: &[String], chunk: usize) -> Result<String, Unusable> {
    let (mut cars, mut positions) =
        (Reader::<Car>::new(Keep::Samples), Reader::<Position>::new(Keep::Samples));
    car.chunks(chunk).for_each(|chunk| cars.push(chunk));
    position.chunks(chunk).for_each(|chunk| positions.push(chunk));
    let (cars, positions) = (cars.finish()?, positions.finish()?);
    let pieces: Result<Vec<_>, _> = document(&cars, &positions, drivers).collect();
    Ok(String::from_utf8(pieces?.concat()).expect("JSON is UTF-8"))
}

/// A record as it may stand in a feed too: plain.
fn car(time: &str, moments: &[(&str, &[(&str, &str)])]) -> String {
    let moments = moments.iter().map(|(date, cars)| {
        let cars = cars.iter().map(|(number, channels)| {
            let keys = ["0", "2", "3", "4", "5", "45"].into_iter().zip(channels.split(' '));
            let channels: Vec<_> = keys.map(|(key, value)| format!("\"{key}\":{value}")).collect();
            format!("\"{number}\":{{\"Channels\":{{{}}}}}", channels.join(","))
        });
        let cars = cars.collect::<Vec<_>>().join(",");
        format!("{{\"Utc\":\"2024-04-19T03:00:0{date}\",\"Cars\":{{{cars}}}}}")
    });
    format!("{time}{{\"Entries\":[{}]}}\r\n", moments.collect::<Vec<_>>().join(","))
}

/// The tables of drivers 44 and 1, reduced to the values of their rows.
fn rows(car: &str, position: &str) -> Vec<String> {
    let drivers = ["44", "1"].map(str::to_owned);
    let document = read(car.as_bytes(), position.as_bytes(), &drivers, 7).expect("the feeds are sound");
    let row = |row: &str| {
        let values = row.split(',').filter_map(|cell| cell.split_once(':')).map(|(_, value)| value);
        values.map(|value| value.trim_matches('"')).collect::<Vec<_>>().join(" ")
    };
    let rows = document.split("{\"Date\"").skip(1).filter_map(|rest| rest.split('}').next());
    rows.map(row).collect()
}

// What FastF1 makes of the same feeds was computed with FastF1, not by hand.

#[test]
fn lines_up_a_car_that_lacks_samples() {
    let feed = [
        car(
            "00:00:02.000",
            &[
                ("1.0005Z", &[("44", "10500 280 7 100 0 12"), ("1", "9000 \"200\" 6.9 55 100")]),
                ("1.24Z", &[("44", "10600 281 7 100 0 12")]),
            ],
        ),
        car(
            "00:00:02.500",
            &[
                ("1.5Z", &[("44", "10700 282 8 99 0 12"), ("1", "9100 201 6 54 0 8")]),
                ("1.1Z", &[("1", "1 2 3 4 5 6")]),
                ("1.75", &[("44", "1 1 1 1 1 1")]),
            ],
        ),
    ];
    assert_eq!(
        rows(&feed.concat(), ""),
        [
            "1713495601000 10500.0 280.0 7 100.0 false 12 car 1750 1750",
            "1713495601240 10600.0 281.0 7 100.0 false 12 car 1990 1990",
            "1713495601500 10700.0 282.0 8 99.0 false 12 car 2250 2250",
            "1713495601750 1.0 1.0 1 1.0 true 1 car 2500 2500",
            "1713495601000 9000.0 200.0 6 55.0 true 0 car 1750 1750",
            "1713495601100 1.0 2.0 3 4.0 true 6 car 1850 1850",
            "1713495601240 0.0 0.0 0 0.0 false 0 nan 1990 1990",
            "1713495601500 9100.0 201.0 6 54.0 false 8 car 2250 2250",
            "1713495601750 0.0 0.0 0 0.0 false 0 nan 2500 2500",
        ]
    );
}

#[test]
fn tells_how_a_status_came() {
    let feed = |status: &str| {
        format!(
            "00:00:01.900{{\"Position\":[\
             {{\"Timestamp\":\"2024-04-19T03:00:01.0015Z\",\"Entries\":{{\
             \"1\":{{\"Status\":\"OnTrack\",\"X\":-1,\"Y\":2,\"Z\":3}},\"44\":{{\"X\":4,\"Y\":5,\"Z\":6}}}}}},\
             {{\"Timestamp\":\"2024-04-19T03:00:01.2Z\",\"Entries\":{{\"44\":{{{status}\"X\":7,\"Y\":8,\"Z\":9}}}}}}]}}\r\n"
        )
    };
    assert_eq!(
        rows("", &feed("\"Status\":\"1\",")),
        [
            "1713495601002 None 4.0 5.0 6.0 pos 1702 1702",
            "1713495601200 OffTrack 7.0 8.0 9.0 pos 1900 1900",
            "1713495601002 OnTrack -1.0 2.0 3.0 pos 1702 1702",
            "1713495601200 OffTrack 0.0 0.0 0.0 nan 1900 1900",
        ]
    );
    assert_eq!(rows("", &feed(""))[0], "1713495601002  4.0 5.0 6.0 pos 1702 1702");
}

#[test]
fn has_no_zero_date_if_the_first_car_starts_late() {
    let one = "1 1 1 1 1";
    let late = car("00:00:02.000", &[("2Z", &[("1", one), ("44", one)]), ("1Z", &[("44", one)])]);
    assert_eq!(
        rows(&late, ""),
        [
            "1713495602000 1.0 1.0 1 1.0 true 0 car null null",
            "1713495601000 1.0 1.0 1 1.0 true 0 car null null",
            "1713495601000 0.0 0.0 0 0.0 false 0 nan null null",
            "1713495602000 1.0 1.0 1 1.0 true 0 car null null",
        ]
    );
    let second = car("00:00:02.000", &[("1Z", &[("44", one)]), ("2Z", &[("44", one), ("1", one)])]);
    assert_eq!(rows(&second, "")[2], "1713495601000 0.0 0.0 0 0.0 false 0 nan 1000 1000");
}

#[test]
fn fails_where_fastf1_does() {
    let sound = car("00:00:02.000", &[("1Z", &[("44", "1 1 1 1 1 1")])]);
    let unusable = [
        car("00:00:02.000", &[("1Z", &[("44", "1 1 1 1 null 1")])]),
        car("00:00:02.000", &[("1Z", &[("1", "1 1 1 1")])]),
        "\u{fffd}".into(),
    ];
    for (index, feed) in unusable.iter().enumerate() {
        // The last is a character that the end of the feed cuts.
        let feed = [sound.as_bytes(), feed.as_bytes()].concat();
        let feed = if index == 2 { &feed[..feed.len() - 1] } else { &feed };
        assert!(read(feed, b"", &[], 64).is_err(), "feed {index}");
        assert!(read(b"", feed, &[], 64).is_err() == (index == 2), "feed {index}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(mut feeds: [Vec<u8>; 2], cut in 1..9_usize, edits: Vec<(usize, u8)>) {
        let drivers = ["44".to_owned()];
        let _ = read(&feeds[0], &feeds[1], &drivers, cut);
        let sound = car("00:00:02.000", &[("1Z", &[("44", "1 2 3 4 5 6"), ("1", "1 1 1 1 1")])]);
        for feed in &mut feeds {
            *feed = sound.repeat(3).into_bytes();
            for (at, byte) in &edits {
                let at = at % feed.len();
                feed[at] = *byte;
            }
        }
        let whole = read(&feeds[0], &feeds[1], &drivers, usize::MAX);
        prop_assert_eq!(read(&feeds[0], &feeds[1], &drivers, cut), whole);
    }
}
