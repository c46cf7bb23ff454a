//! What Python's `json` reads, our reader reads, to the same values; what it does not read, ours does not.

use std::io::Write;
use std::process::{Command, Stdio};

use f1_ingest_component::fastf1::value::{Json, Node, Value};
use f1_ingest_tests::compare::compare;
use f1_ingest_tests::synthetic::{CATALOGUE, recording};
use f1_ingest_tests::{golden, ours};

/// Writes what Python makes of each line: halves of surrogate pairs as the one character that stands for them here.
const SCRIPT: &str = r#"
import json, re, sys
def show(v):
    if v is None or isinstance(v, bool): return str(v)
    if isinstance(v, tuple): return "{%s}" % ",".join(text(k) + ":" + show(w) for k, w in v)
    if isinstance(v, list): return "[%s]" % ",".join(map(show, v))
    return text(v) if isinstance(v, str) else repr(v)
def text(s): return "'" + re.sub("[\ud800-\udfff]", "\ufffd", s) + "'"
sys.stdout.reconfigure(encoding="utf-8")
for line in sys.stdin.buffer.read().decode().split("\n"):
    try: print(show(json.loads(line, object_pairs_hook=tuple)))
    except ValueError: print("no")
"#;

fn show(value: Value) -> String {
    match value.node() {
        Node::Null => "None".to_owned(),
        Node::Text(text) => format!("'{text}'"),
        Node::List(_) => format!("[{}]", value.items().map(show).collect::<Vec<_>>().join(",")),
        Node::Object(_) => {
            let entries = value.entries().map(|(key, value)| format!("'{key}':{}", show(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
        }
        _ => value.python_text().unwrap().into_owned(),
    }
}

const PARTS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "null",
    "true",
    "NaN",
    "Infinity",
    "-Infinity",
    "-NaN",
    "nan",
    "1",
    "-7",
    "0.5",
    "1e999",
    "-1E+400",
    "1e",
    "1.",
    "01",
    "+1",
    "\"a\"",
    "\"\"",
    "\"é\"",
    r#""\ud83d""#,
    r#""\ude00""#,
    r#""\ud83d\ude00""#,
    r#""\ud83dx""#,
    r#""\ud83d\u0041""#,
    r#""\uD83D\ud83d\ude00""#,
    r#""\u00e9\n""#,
    r#""\x""#,
    r#""\ud8""#,
    "\"\t\"",
    "\"",
    "\\",
    "'a'",
];

/// Texts of random parts, half of them put together as JSON is.
fn texts() -> Vec<String> {
    let mut state = 7_u64;
    let mut dice = |sides: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % sides
    };
    let mut texts: Vec<String> = PARTS.iter().map(|part| (*part).to_owned()).collect();
    for _ in 0..2000 {
        let loose: String = (0..1 + dice(6)).map(|_| PARTS[dice(PARTS.len())]).collect();
        texts.push(loose);
        let (a, b) = (dice(texts.len()), dice(texts.len()));
        let key = PARTS[23 + dice(9)];
        let (a, b) = (texts[a].clone(), texts[b].clone());
        let part = PARTS[7 + dice(27)];
        texts.push(match dice(3) {
            0 => format!("[{a}, {part},{b}]"),
            1 => format!("{{{key}: {a},{key}:{part}}}"),
            _ => format!(" {{ {key}:[{part}] , \"b\":{b} }} "),
        });
    }
    texts.retain(|text| text.len() < 2000);
    texts
}

#[test]
fn our_reader_reads_what_pythons_reads() {
    let texts = texts();
    let mut python = Command::new("python3")
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python 3 is what the tests need");
    let mut stdin = python.stdin.take().unwrap();
    let all = texts.join("\n");
    let writer = std::thread::spawn(move || stdin.write_all(all.as_bytes()));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<&str> = answers.split_terminator('\n').collect();
    let (mut read, mut refused) = (0, 0);
    let mut rest = answers.iter();
    for text in &texts {
        let ours = Json::default().read(text).map_or("no".to_owned(), show);
        let lines = ours.matches('\n').count() + 1;
        let python: Vec<&str> = rest.by_ref().take(lines).copied().collect();
        assert_eq!(ours, python.join("\n"), "{text}");
        *if ours == "no" { &mut refused } else { &mut read } += 1;
    }
    assert!(read > 300 && refused > 300 && rest.next().is_none(), "{read} read, {refused} refused");
}

/// What writers that are not strict put into feeds: into keys that nobody reads, and into a value.
const ODD: &[&str] = &["NaN", "Infinity", "-Infinity", "1e999", r#""\ud83d""#];

#[test]
fn fastf1_makes_the_same_of_a_feed_with_such_values() {
    let folder = tempfile::tempdir().unwrap();
    let (recordings, fresh) = (folder.path().join("recordings"), folder.path().join("golden"));
    let (_, plan) = &CATALOGUE[0];
    let mut sessions = Vec::new();
    for (n, odd) in ODD.iter().enumerate() {
        let at = recordings.join(n.to_string());
        let session = recording::write(plan, &at).unwrap();
        let path = recording::percent_encoded(&session.path);
        let feeds = at.join("livetiming.formula1.com/static").join(path);
        let mut changed = 0;
        for (topic, from, to) in [
            ("TimingData", "\"NumberOfLaps\"", format!("\"X\":{odd},\"NumberOfLaps\"")),
            ("TimingAppData", "\"Stints\"", format!("\"X\":{odd},\"Stints\"")),
            ("WeatherData", "\"AirTemp\"", format!("\"X\":{odd},\"AirTemp\"")),
        ] {
            let file = feeds.join(format!("{topic}.jsonStream"));
            let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            changed += text.matches(from).count();
            std::fs::write(&file, text.replace(from, &to)).unwrap();
        }
        assert!(changed > 20, "{changed}");
        sessions.push(session);
    }
    if !golden::make(&recordings, &fresh) {
        return;
    }
    let plain = golden::read(&golden::folder(), CATALOGUE[0].0);
    for (n, session) in sessions.iter().enumerate() {
        let golden = golden::read(&fresh, &n.to_string());
        let agreement = compare(plain.get("fastf1"), golden.get("fastf1"));
        assert!(agreement.is_complete(), "FastF1 with {}: {agreement}", ODD[n]);
        for (document, agreement) in ours::beside(&recordings.join(n.to_string()), session, &golden) {
            let agreement = agreement.unwrap_or_else(|why| panic!("{} {document}: {why}", ODD[n]));
            assert!(agreement.is_complete(), "{} {document}: {agreement}", ODD[n]);
        }
    }
}
