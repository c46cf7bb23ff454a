//! Records to the letter as livetiming writes them: keys in its order, no spaces, no escapes. To read them takes a
//! fraction of what any JSON takes; a record that differs in a single byte is left to that.

use super::channels::{Channels, Telemetry, Texts};
use super::cursor::Cursor;

/// What a record says of one car at one moment.
pub struct PlainSample<'a> {
    pub date: &'a str,
    /// The place of the car among the moment's.
    pub at: usize,
    pub number: &'a str,
    pub channels: Channels,
}

/// All samples of a record. None if it is not plain, or names a car twice in a moment.
pub fn samples<'a, F: Telemetry>(record: &'a str, texts: &mut Texts) -> Option<Vec<PlainSample<'a>>> {
    let mut samples = Vec::with_capacity(record.len() / 64);
    let mut rest = Cursor::new(record);
    // The cars of the moment before, as long as this one's are the same; then this one's.
    let mut order: Vec<u64> = Vec::new();
    rest.skip("{\"")?.skip(F::MOMENTS)?.skip("\":[")?;
    loop {
        rest.skip("{\"")?.skip(F::DATE)?.skip("\":\"")?;
        let date = rest.text()?;
        rest.skip(",\"")?.skip(F::CARS)?.skip("\":{")?;
        let mut at = 0;
        loop {
            let number = rest.skip("\"")?.text()?;
            let key = number.bytes().fold(0_u64, |key, byte| key << 8 | u64::from(byte));
            if number.len() > 8 {
                return None;
            }
            if order.get(at) != Some(&key) {
                order.truncate(at);
                if order.contains(&key) {
                    return None;
                }
                order.push(key);
            }
            let channels = F::plain_channels(rest.skip(":")?, texts)?;
            samples.push(PlainSample { date, at, number, channels });
            at += 1;
            if rest.skip(",").is_none() {
                break;
            }
        }
        rest.skip("}}")?;
        if rest.skip(",").is_none() {
            break;
        }
    }
    rest.skip("]}")?;
    rest.is_at_the_end().then_some(samples)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::super::channels::{Car, Position};
    use super::super::{Keep, Reader, document};
    use super::*;

    const RECORD: &str = r#"{"Entries":[{"Utc":"2024-04-19T07:30:00.1Z","Cars":{"1":{"Channels":{"0":9877,"2":164,"3":4,"4":64,"5":0,"45":8}},"22":{"Channels":{"0":-5,"2":0,"3":0,"4":0,"5":100}}}},{"Utc":"","Cars":{"1":{"Channels":{"0":0,"2":0,"3":0,"4":0,"5":0,"45":0}}}}]}"#;

    fn read(record: &str) -> Option<Vec<(String, usize, String, Channels)>> {
        let samples = samples::<Car>(record, &mut Texts::default())?.into_iter();
        let owned = |sample: PlainSample| {
            (sample.date.to_owned(), sample.at, sample.number.to_owned(), sample.channels)
        };
        Some(samples.map(owned).collect())
    }

    #[test]
    fn reads_what_livetiming_writes() {
        let date = "2024-04-19T07:30:00.1Z".to_owned();
        let expected = vec![
            (date.clone(), 0, "1".to_owned(), [9877, 164, 4, 64, 0, 8]),
            (date, 1, "22".to_owned(), [-5, 0, 0, 0, 100, 0]),
            (String::new(), 0, "1".to_owned(), [0; 6]),
        ];
        assert_eq!(read(RECORD), Some(expected));
    }

    const POSITIONS: &str = r#"{"Position":[{"Timestamp":"2024-04-19T07:30:00.25Z","Entries":{"1":{"Status":"OnTrack","X":-12,"Y":0,"Z":340},"22":{"Status":"0","X":5,"Y":6,"Z":7}}},{"Timestamp":"2024-04-19T07:30:00.5Z","Entries":{"22":{"Status":"","X":1,"Y":2,"Z":3}}}]}"#;

    /// What is made of two feeds of two records each, and of how many a part could not be read.
    fn tables(cars: [&str; 2], positions: [&str; 2]) -> Option<(String, usize)> {
        let (mut car, mut position) =
            (Reader::<Car>::new(Keep::Samples), Reader::<Position>::new(Keep::Samples));
        for (car_record, position_record) in cars.into_iter().zip(positions) {
            car.push(format!("00:00:01.000{car_record}\r\n").as_bytes());
            position.push(format!("00:00:01.250{position_record}\r\n").as_bytes());
        }
        let (car, position) = (car.finish().ok()?, position.finish().ok()?);
        let drivers: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        let pieces = document(&car, &position, &drivers).map(|piece| piece.expect("few rows"));
        let document = String::from_utf8(pieces.flatten().collect()).expect("JSON is UTF-8");
        Some((document, car.count.undecodable + position.count.undecodable))
    }

    /// The bytes behind the first of a record, some of them replaced.
    fn damaged(record: &'static str) -> impl Strategy<Value = String> {
        let bytes = select(b"0123456789\"{}[]:,-.eE \\tnUu".to_vec());
        prop::collection::vec((1..record.len(), bytes), 0..3).prop_map(move |changes| {
            let mut bytes = record.as_bytes().to_vec();
            changes.into_iter().for_each(|(at, byte)| bytes[at] = byte);
            String::from_utf8(bytes).expect("ASCII")
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        /// A space is all that keeps a record from being plain.
        #[test]
        fn is_what_any_json_would_be(car in damaged(RECORD), position in damaged(POSITIONS)) {
            let spaced = |record: &str| record.replacen('{', "{ ", 1);
            prop_assert_eq!(
                tables([&car, RECORD], [&position, POSITIONS]),
                tables([&spaced(&car), &spaced(RECORD)], [&spaced(&position), &spaced(POSITIONS)])
            );
        }
    }

    /// Whatever a byte is replaced by, the record is read as any JSON is, or not at all.
    #[test]
    fn leaves_the_rest_to_others() {
        let changes = [
            ("\"22\"", "\"1\""),
            ("\"22\"", "\"\\u0031\""),
            (":9877", ":09877"),
            (":9877", ":9877.5"),
            (":9877", ":1e3"),
            (":9877", ":\"9877\""),
            (":9877", ": 9877"),
            (":9877", ":null"),
            (":9877", ":-"),
            (":9877", ":1234567890123456789"),
            ("]}", "]} "),
            ("]}", "],\"Entries\":[]}"),
            ("\"2\"", "\"6\""),
        ];
        for (from, to) in changes {
            assert_eq!(read(&RECORD.replacen(from, to, 1)), None, "{to}");
        }
    }
}
