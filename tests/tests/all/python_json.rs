//! What Python's `json` reads, our reader reads, to the same values; what it does not read, ours does not.

use std::io::Write;
use std::process::{Command, Stdio};

use f1_ingest_component::fastf1::value::{Json, Node, Value};

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
