//! Wherever a document is cut into pages, together they are the document, byte for byte; what is not a document's pages
//! is refused.

use f1_ingest_component::jolpica::answer::Answer;
use f1_ingest_component::jolpica::merge::merge;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// A document by its rows: each knows the race, and the lap, that it is in.
#[derive(Debug, Clone)]
struct Document {
    shape: Shape,
    rows: Vec<Row>,
    /// Whether `limit` and the others are texts.
    texts: bool,
    /// Whether they come after the table.
    behind: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    Drivers,
    Races,
    Results,
    Laps,
    Standings,
}

#[derive(Debug, Clone, PartialEq)]
struct Row {
    race: usize,
    lap: usize,
    text: String,
}

/// Bytes that no writer would give again as they are.
const ODD: &[&str] = &[
    r#""\u00e9\/é""#,
    "1.50",
    "1E+2",
    r#"{ "a" :[ ]}"#,
    "null",
    r#"{"Results":[{}],"Constructors":[{"x":1},{}]}"#,
    r#""]}]}\"[{""#,
];

fn document() -> impl Strategy<Value = Document> {
    let shape = select(vec![Shape::Drivers, Shape::Races, Shape::Results, Shape::Laps, Shape::Standings]);
    let row = (0..3usize, 0..3usize, select(ODD.to_vec()));
    (shape, vec(row, 1..40), any::<[bool; 2]>()).prop_map(|(shape, rows, [texts, behind])| {
        let mut rows: Vec<_> = rows;
        rows.sort_by_key(|(race, lap, _)| (*race, *lap));
        let row = |(n, (race, lap, odd)): (usize, (usize, usize, &str))| {
            let text = match shape {
                Shape::Drivers | Shape::Laps => format!(r#"{{"driverId":"d{n}","x":{odd}}}"#),
                Shape::Races => format!(r#"{{"season":"2024","x":{odd},"round":"{n}"}}"#),
                Shape::Results => {
                    // The same driver in another car.
                    let constructor = r#""Constructor":{"constructorId":"c"}"#;
                    format!(r#"{{"number":"{n}","Driver":{{"driverId":"d"}},{constructor},"x":{odd}}}"#)
                }
                Shape::Standings => format!(r#"{{"x":{odd}, "Driver": {{"driverId":"d{n}"}}}}"#),
            };
            Row { race, lap, text }
        };
        let rows = rows.into_iter().enumerate().map(row).collect();
        Document { shape, rows, texts, behind }
    })
}

/// Runs of rows that are alike, each as `write` has it.
fn runs(rows: &[Row], alike: impl Fn(&Row) -> usize, write: impl Fn(&[Row]) -> String) -> String {
    let runs = rows.chunk_by(|one, other| alike(one) == alike(other));
    runs.map(write).collect::<Vec<_>>().join(",")
}

fn texts(rows: &[Row]) -> String {
    rows.iter().map(|row| row.text.as_str()).collect::<Vec<_>>().join(",")
}

impl Document {
    /// Some rows of it as the API gives them, with the limit and the offset that it names.
    fn page(&self, rows: &[Row], limit: usize, offset: usize) -> Vec<u8> {
        let laps = |rows: &[Row]| {
            runs(
                rows,
                |row| row.lap,
                |rows| format!(r#"{{"number":"{}","Timings":[{}]}}"#, rows[0].lap, texts(rows)),
            )
        };
        let races = |list: &str, inside: &dyn Fn(&[Row]) -> String| {
            runs(
                rows,
                |row| row.race,
                |rows| {
                    format!(
                        r#"{{"season": "2024","round":"{}","{list}": [{}] ,"y":{{}}}}"#,
                        rows[0].race,
                        inside(rows)
                    )
                },
            )
        };
        let table = match self.shape {
            Shape::Drivers => format!(r#""DriverTable":{{"season":"2024","Drivers":[{}]}}"#, texts(rows)),
            Shape::Races => format!(r#""RaceTable":{{"Races":[{}],"season":"2024"}}"#, texts(rows)),
            Shape::Results => format!(r#""RaceTable":{{"Races":[{}]}}"#, races("Results", &texts)),
            Shape::Laps => format!(r#""RaceTable":{{"Races":[{}]}}"#, races("Laps", &laps)),
            Shape::Standings => {
                let lists = races("DriverStandings", &texts);
                format!(r#""StandingsTable": {{"StandingsLists":[{lists}]}}"#)
            }
        };
        let quote = if self.texts { "\"" } else { "" };
        let total = self.rows.len();
        let numbers = format!(
            r#""limit":{quote}{limit}{quote},"offset":{quote}{offset}{quote},"total":{quote}{total}{quote}"#
        );
        let (first, second) = if self.behind { (&table, &numbers) } else { (&numbers, &table) };
        format!(r#"{{"MRData":{{"xmlns":"",{first},{second},"url":"u"}}}}"#).into_bytes()
    }

    fn whole(&self) -> Vec<u8> {
        self.page(&self.rows, self.rows.len(), 0)
    }

    fn pages(&self, limit: usize) -> Vec<Vec<u8>> {
        let page = |(n, rows): (usize, &[Row])| self.page(rows, limit, n * limit);
        self.rows.chunks(limit).enumerate().map(page).collect()
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

proptest! {
    #[test]
    fn pages_are_the_document_wherever_it_is_cut(document in document(), limit in 1..41usize) {
        let (pages, whole) = (document.pages(limit), document.whole());
        let rows: u64 = pages.iter().map(|page| Answer::read(page).unwrap().count()).sum();
        prop_assert_eq!(rows, document.rows.len() as u64);
        let merged = merge(&pages);
        prop_assert_eq!(merged.as_deref().map(text), Ok(text(&whole)));
    }

    #[test]
    fn a_row_that_comes_twice_is_refused(document in document(), limit in 1..41usize, which in any::<Index>()) {
        let again = document.rows[which.index(document.rows.len())].clone();
        let mut doubled = document;
        doubled.rows.push(again);
        let merged = merge(&doubled.pages(limit));
        prop_assert!(merged.as_ref().is_err_and(|why| why.contains("twice")), "{:?}", merged);
    }

    #[test]
    fn what_is_cut_anywhere_is_no_page(document in document(), limit in 1..41usize, cut in any::<[Index; 2]>()) {
        let mut pages = document.pages(limit);
        let which = cut[0].index(pages.len());
        let at = cut[1].index(pages[which].len());
        pages[which].truncate(at);
        prop_assert!(merge(&pages).is_err());
    }
}

#[test]
fn a_race_that_is_another_in_the_next_page_is_refused() {
    let page = |name: &str, driver: &str| {
        format!(
            r#"{{"MRData":{{"total":"2","RaceTable":{{"Races":[{{"season":"2024","round":"5","raceName":"{name}",
            "PitStops":[{{"driverId":"{driver}","stop":"1"}}]}}]}}}}}}"#
        )
    };
    assert!(merge(&[page("A", "a"), page("A", "b")]).is_ok());
    let why = merge(&[page("A", "a"), page("B", "b")]).unwrap_err();
    assert!(why.contains("2024 5") && why.contains("not the same"), "{why}");
    let why = merge(&[page("A", "a"), page("A", "a")]).unwrap_err();
    assert!(why.contains("2024 5 a 1") && why.contains("twice"), "{why}");
}

#[test]
fn a_race_that_comes_back_later_is_refused() {
    let race = |round: usize, stop: usize| {
        format!(r#"{{"season":"2024","round":"{round}","PitStops":[{{"driverId":"a","stop":"{stop}"}}]}}"#)
    };
    let page = |races: &[String]| {
        format!(r#"{{"MRData":{{"total":"3","RaceTable":{{"Races":[{}]}}}}}}"#, races.join(","))
    };
    let why = merge(&[page(&[race(1, 1), race(2, 1)]), page(&[race(1, 2)])]).unwrap_err();
    assert!(why.contains("2024 1") && why.contains("twice"), "{why}");
}
