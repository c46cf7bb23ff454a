//! Documents that Jolpica gives in pages are stored whole, or not at all.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;

use f1_ingest_component::jolpica::answer::Answer;
use f1_ingest_component::jolpica::merge::merge;
use f1_ingest_tests::binary::{Run, run_in};
use f1_ingest_tests::jolpica::history::History;
use f1_ingest_tests::jolpica::page::{CAP, LIMIT, Page};
use f1_ingest_tests::jolpica::rows::Row;
use f1_ingest_tests::jolpica::{Jolpica, Turn};
use f1_ingest_tests::shared::shared;
use f1_ingest_tests::store::Store;
use f1_ingest_tests::upstream::Reply;
use serde_json::Value;

const ATTEMPT: &[&str] = &["--retries", "1", "--requests-per-second", "0"];

/// Runs the job for one of the API's documents.
fn ingest(jolpica: &Jolpica, store: &Store, document: &str) -> Run {
    let url = jolpica.url(document);
    run_in(&[&["run", "--jolpica-url", &url], ATTEMPT].concat(), &store.environment())
}

/// What is stored of one of the API's documents.
fn stored(jolpica: &Jolpica, document: &str) -> String {
    let store = Store::start();
    let run = ingest(jolpica, &store, document).expect(0);
    String::from_utf8(store.object(run.keys()[0])).unwrap()
}

/// One that answers as it is told, of a history that is always the same.
fn answering(answer: impl FnMut(Turn<'_>) -> Reply + Send + 'static) -> Jolpica {
    Jolpica::answering(History::new(1), answer)
}

#[test]
fn every_endpoints_document_is_stored_with_all_its_rows() {
    // Of each document the rows, where a number is known.
    let documents: &[(&str, Option<usize>)] = &[
        ("seasons.json", Some(77)),
        ("circuits.json", Some(77)),
        ("races/", Some(1172)),
        ("2024.json", Some(24)),
        ("2024/results.json", None),
        ("1955/results.json", Some(9 * 21)),
        ("1990/5/results.json", Some(34)),
        ("2022/sprint/", None),
        ("1995/qualifying.json", Some(16 * 22)),
        ("2024/5/pitstops.json", None),
        ("2024/5/laps.json", None),
        ("2024/5/laps/1.json", None),
        ("2024/driverstandings.json", Some(20)),
        ("1991/12/driverStandings.json", Some(34)),
        ("1975/constructorStandings.json", Some(11)),
        ("status.json", None),
        ("drivers.json", None),
        ("2024/drivers.json", Some(20)),
        ("constructors.json", None),
        ("current/last/results.json", Some(20)),
    ];
    for (document, rows) in documents {
        let jolpica = Jolpica::start(History::new(1));
        let stored = stored(&jolpica, document);
        let total = Answer::read(stored.as_bytes()).unwrap().total as usize;
        assert_eq!(total, rows.unwrap_or(total), "{document}");
        let further = total.saturating_sub(LIMIT).div_ceil(CAP);
        let mut expected = jolpica.whole(document);
        if further == 0 {
            // It came whole, with the limit that the API names by itself.
            expected = expected.replace(&format!(r#""limit":"{total}""#), &format!(r#""limit":"{LIMIT}""#));
        }
        assert!(stored == expected, "{document}:\n{stored}\nis not\n{expected}");
        assert_eq!(jolpica.asked().len(), 1 + further, "{document}: {:?}", jolpica.asked());
    }
}

#[test]
fn pages_are_asked_for_by_the_limit_that_the_api_echoes() {
    let jolpica = answering(|turn| turn.with(17, |page| Page { numbers: true, ..page }.reply()));
    let stored = stored(&jolpica, "1990/5/results.json?apikey=k");
    let asked = ["", "&limit=100&offset=17"].map(|page| format!("1990/5/results.json?apikey=k{page}"));
    assert_eq!(jolpica.asked(), asked);
    let expected = jolpica.whole("1990/5/results.json");
    let numbers = [("limit", 34), ("offset", 0), ("total", 34)];
    let expected = numbers.iter().fold(expected, |text, (name, number)| {
        text.replace(&format!(r#""{name}":"{number}""#), &format!(r#""{name}":{number}"#))
    });
    assert_eq!(stored, expected);
}

#[test]
fn a_race_of_the_choice_has_all_its_rows_too() {
    let (jolpica, store) = (Jolpica::start(History::new(1)), Store::start());
    let url = jolpica.url("current/last/results.json");
    let choice = ["--season", "1990", "--round", "5", "--session", "R"];
    let run = run_in(&[&["run", "--jolpica-url", &url], &choice[..], ATTEMPT].concat(), &store.environment());
    let run = run.expect(0);
    assert_eq!(store.object(run.keys()[0]), jolpica.whole("1990/5/results.json").into_bytes());
}

#[test]
fn rows_that_are_added_meanwhile_are_in_it() {
    let jolpica = answering(|turn| {
        if turn.number == 2 {
            turn.history.add_entry(2024, 1);
        }
        turn.answer()
    });
    let stored = stored(&jolpica, "2024/results.json");
    assert_eq!(stored, jolpica.whole("2024/results.json"));
    let asked = jolpica.asked();
    assert_eq!(asked[3], "2024/results.json?limit=99&offset=0", "from the start again: {asked:?}");
}

#[test]
fn a_document_that_keeps_changing_is_not_stored() {
    let (store, jolpica) = (
        Store::start(),
        answering(|turn| {
            turn.history.add_entry(2024, 1);
            turn.answer()
        }),
    );
    ingest(&jolpica, &store, "2024/results.json")
        .expect(1)
        .says(&["changes while its pages are read", "2024/results"]);
    assert!(store.keys().is_empty());
    assert_eq!(jolpica.asked().len(), 8, "four attempts, each ended by its second page");
}

#[test]
fn too_many_requests_in_the_middle_are_waited_for() {
    let jolpica = answering(|turn| match turn.number {
        2 => Reply::new(429, r#"{"detail": "Request was throttled."}"#),
        _ => turn.answer(),
    });
    assert_eq!(stored(&jolpica, "2024/results.json"), jolpica.whole("2024/results.json"));
    let asked = jolpica.asked();
    assert_eq!(asked[2], asked[3]);
}

#[test]
fn what_is_redirected_is_redirected_once() {
    let jolpica = Jolpica::start(History::new(1));
    assert_eq!(stored(&jolpica, "1990/5/results"), jolpica.whole("1990/5/results/"));
    let asked = ["1990/5/results", "1990/5/results/", "1990/5/results/?limit=100&offset=30"];
    assert_eq!(jolpica.asked(), asked);
}

#[test]
fn a_url_that_names_rows_means_these() {
    // What is asked for, the most rows that the API gives, the requests, the rows that are stored.
    for (document, cap, requests, rows) in [
        ("2024/results.json?offset=20&limit=50", CAP, 1, 50),
        ("2024/results.json?limit=50", 20, 3, 50),
        ("2024/results.json?offset=470", CAP, 1, 10),
        ("2024/results.json?offset=430", CAP, 2, 50),
        ("2024/results.json?limit=100", CAP, 5, 480),
        ("2024/results.json?limit=1000", CAP, 5, 480),
    ] {
        let jolpica = answering(move |turn| turn.with(cap, |page| page.reply()));
        let store = Store::start();
        let run = ingest(&jolpica, &store, document).expect(0);
        let stored = store.object(run.keys()[0]);
        assert_eq!(Answer::read(&stored).unwrap().count(), rows, "{document}");
        assert_eq!(jolpica.asked().len(), requests, "{document}: {:?}", jolpica.asked());
        let is_said = run.stderr.contains(&format!("gives {rows} of 480 rows"));
        assert_eq!(is_said, rows < 480, "{document}: {}", run.stderr);
        if requests == 1 {
            let page = Page::of(&History::new(1), &format!("/f1/{document}"), cap).unwrap();
            assert!(
                stored.ends_with(page.text().split_once("\"limit\"").unwrap().1.as_bytes()),
                "{document}"
            );
        }
    }
}

#[test]
fn pages_that_make_no_document_are_not_stored() {
    /// What becomes of a page, which of them it is, what is said.
    type Fault = (fn(Page) -> Reply, usize, &'static str);
    let faults: &[Fault] = &[
        (without_its_last, 0, "29 rows; it should have 30"),
        (without_its_last, 2, "99 rows; it should have 100"),
        (without_its_last, 5, "49 rows; it should have 50"),
        (|page| Page { rows: vec![], ..page }.reply(), 2, "0 rows; it should have 100"),
        (|page| Page { rows: doubled(page.rows.clone()), ..page }.reply(), 2, "200 rows; it should have 100"),
        (|page| Page { rows: doubled(page.rows[..50].to_vec()), ..page }.reply(), 2, "is in it twice"),
        (|page| Page { rows: before(&page), ..page }.reply(), 2, "is in it twice"),
        (|page| Page { rows: before(&page), offset: 30, ..page }.reply(), 2, "begins at row 30"),
        (|page| Page { rows: renamed(&page), ..page }.reply(), 2, "not the same in two pages"),
        (|page| Reply::json(&page.text()[..page.text().len() / 2]), 2, "ends in the middle"),
        (|_| Reply::json(r#"{"detail": "maintenance"}"#), 2, "not Ergast JSON"),
        (|_| Reply::new(200, "<!DOCTYPE html>"), 2, "not Ergast JSON"),
        (|_| Reply::new(404, ""), 2, "does not exist"),
    ];
    for &(fault, which, said) in faults {
        let (store, jolpica) = (
            Store::start(),
            answering(move |turn| {
                turn.with(CAP, |page| if turn.number == which { fault(page) } else { page.reply() })
            }),
        );
        let run = ingest(&jolpica, &store, "2024/results.json").expect(1);
        run.says(&["/2024/results.json", said]);
        assert!(store.keys().is_empty(), "{said}");
        assert!(jolpica.asked().len() <= 6, "{said}: {:?}", jolpica.asked());
    }
}

fn without_its_last(mut page: Page) -> Reply {
    page.rows.pop();
    page.reply()
}

fn doubled(rows: Vec<Row>) -> Vec<Row> {
    rows.into_iter().flat_map(|row| [row.clone(), row]).collect()
}

/// The rows of the page before a page of 2024's results.
fn before(page: &Page) -> Vec<Row> {
    let target = format!("/f1/2024/results.json?limit=100&offset={}", page.offset - 100);
    Page::of(&History::new(1), &target, CAP).unwrap().rows
}

/// The rows of a page in races of other names.
fn renamed(page: &Page) -> Vec<Row> {
    let mut rows = page.rows.clone();
    rows.iter_mut().for_each(|row| row.within[0].0.set("raceName", "Another Grand Prix"));
    rows
}

#[test]
fn what_fails_is_tried_again_as_a_whole() {
    let jolpica = answering(|turn| {
        turn.with(CAP, |page| if turn.number == 1 { without_its_last(page) } else { page.reply() })
    });
    let (store, url) = (Store::start(), jolpica.url("1990/5/results.json"));
    let arguments = ["run", "--jolpica-url", &url, "--retries", "2", "--requests-per-second", "0"];
    let run = run_in(&arguments, &store.environment()).expect(0);
    assert_eq!(store.object(run.keys()[0]), jolpica.whole("1990/5/results.json").into_bytes());
    assert_eq!(jolpica.asked().len(), 4);
}

/// All answers of Jolpica's below a folder of `../shared`.
fn recorded(folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut folders: Vec<PathBuf> = shared(folder).into_iter().collect();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.display().to_string(), fs::read(path).unwrap()));
            }
        }
    }
    found
}

#[test]
fn rows_of_recorded_answers_are_as_many_as_they_say_and_each_is_there_once() {
    let folders =
        ["recordings/jolpica/api.jolpi.ca", "recordings/base/api.jolpi.ca", "answers/ergast-fixtures"];
    for (path, body) in folders.into_iter().flat_map(recorded) {
        let answer = Answer::read(&body).unwrap_or_else(|why| panic!("{path}: {why:?}"));
        let (limit, offset) = (answer.limit.unwrap(), answer.offset.unwrap());
        assert_eq!(answer.count(), limit.min(answer.total.saturating_sub(offset)), "{path}");
        let mut ids: Vec<_> = answer.rows().into_iter().map(|row| row.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len() as u64, answer.count(), "{path}: a row is there twice");
    }
}

#[test]
fn recorded_answers_cut_into_pages_are_the_answers_again() {
    let mut cut = 0;
    for (path, body) in recorded("recordings/jolpica/api.jolpi.ca") {
        let text = String::from_utf8(body).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        let written = document.to_string();
        // What this test would write as it came.
        if written != text || !document["MRData"]["RaceTable"]["Races"].is_array() {
            continue;
        }
        let rows = Answer::read(text.as_bytes()).unwrap().count();
        let mut expected = document.clone();
        expected["MRData"]["limit"] = rows.to_string().into();
        for size in [1, 7, 13].into_iter().filter(|size| *size < rows) {
            let pages: Vec<String> = (0..rows)
                .step_by(size as usize)
                .map(|from| part(&document, from, from + size).to_string())
                .collect();
            let merged = merge(&pages).unwrap_or_else(|why| panic!("{path}: {why}"));
            assert!(merged == expected.to_string().into_bytes(), "{path} by {size}");
            cut += 1;
        }
    }
    println!("{cut} documents were cut");
    assert!(cut > 100 || shared("recordings/jolpica").is_none());
}

/// A document with some of its rows only, and the races and laps that have them.
fn part(document: &Value, from: u64, until: u64) -> Value {
    const LISTS: [&str; 6] = ["Results", "QualifyingResults", "SprintResults", "PitStops", "Laps", "Timings"];
    fn keep(items: &mut Vec<Value>, at: &mut u64, wanted: &Range<u64>) {
        items.retain_mut(|item| match LISTS.iter().find(|list| item[**list].is_array()) {
            Some(list) => {
                let inner = item[*list].as_array_mut().unwrap();
                keep(inner, at, wanted);
                !inner.is_empty()
            }
            None => {
                *at += 1;
                wanted.contains(&(*at - 1))
            }
        });
    }
    let mut part = document.clone();
    keep(part["MRData"]["RaceTable"]["Races"].as_array_mut().unwrap(), &mut 0, &(from..until));
    part
}
