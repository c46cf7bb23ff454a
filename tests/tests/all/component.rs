//! The component as a file: what it asks of any runtime, and what it does for one.

use f1_ingest_tests::binary::run;
use wasmparser::{Parser, Payload};

/// The most that the component may have, in bytes (ARCHITECTURE.md says why).
const LARGEST: usize = 2_000_000;

/// Names of the imports and of the exports of a component, sorted.
fn interfaces(component: &[u8]) -> (Vec<String>, Vec<String>) {
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component) {
        match payload.expect("the file is a component") {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                imports.extend(section.into_iter().map(|import| import.unwrap().name.name.to_owned()));
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                exports.extend(section.into_iter().map(|export| export.unwrap().name.name.to_owned()));
            }
            _ => {}
        }
    }
    imports.sort();
    exports.sort();
    (imports, exports)
}

/// What follows `keyword` in the world `ingest`, sorted.
fn listed(wit: &str, keyword: &str) -> Vec<String> {
    let world = wit.split("world ingest {").nth(1).and_then(|world| world.split('}').next()).unwrap();
    let name = |line: &str| Some(line.trim().strip_prefix(keyword)?.trim_end_matches(';').trim().to_owned());
    let mut names: Vec<String> = world.lines().filter_map(name).collect();
    names.sort();
    names
}

#[test]
fn the_component_asks_for_what_its_world_lists_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f1-ingest.wasm");
    run(&["component", "--output", file.to_str().unwrap()], &[]).expect(0);
    let wit = run(&["component", "--wit"], &[]).expect(0).stdout;
    let component = std::fs::read(&file).unwrap();
    assert!(component.len() <= LARGEST, "{} bytes: what made it grow so?", component.len());
    let (imports, exports) = interfaces(&component);

    assert_eq!(imports, listed(&wit, "import "), "a new import is a decision: wit/world.wit lists them");
    assert!(imports.iter().all(|name| name.starts_with("wasi:") && name.contains("@0.2.")), "{imports:?}");

    // std exports `wasi:cli/run` in the oldest version that has it; ours has the package's.
    let unversioned = |name: &String| name.split('@').next().unwrap_or_default().to_owned();
    let ours = |name: String| if name == "job" { "f1:ingest/job".to_owned() } else { unversioned(&name) };
    let expected: Vec<String> = listed(&wit, "export ").into_iter().map(ours).collect();
    let mut exports: Vec<String> = exports.iter().map(unversioned).collect();
    exports.sort_by_key(|name| expected.iter().position(|expected| expected == name));
    assert_eq!(exports, expected);
}

#[test]
fn a_compiled_component_is_machine_code_and_needs_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f1-ingest.cwasm");
    run(&["component", "--precompiled", "--output", file.to_str().unwrap()], &[]).expect(0);
    assert!(std::fs::read(&file).unwrap().starts_with(b"\x7fELF"));
    run(&["component", "--precompiled"], &[]).expect(2).says(&["--output"]);
    run(&["component"], &[]).expect(2).says(&["--output"]);
    run(&["run", "--component", file.to_str().unwrap(), "--store", "x"], &[]).expect(2);
}
