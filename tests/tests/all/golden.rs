//! The synthetic sessions, their golden files, the real FastF1 and ours: do they agree?

use f1_ingest_tests::compare::{Value, compare};
use f1_ingest_tests::synthetic::{CATALOGUE, Plan, recording};
use f1_ingest_tests::{golden, ours};

#[test]
fn golden_files_are_of_the_sessions_that_the_generator_makes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, plan) in CATALOGUE {
        let session = recording::write(plan, &folder.path().join(name)).expect("a recording");
        let golden = golden::read(&golden::folder(), name);
        assert_eq!(
            golden.get("session").get("digest"),
            &Value::Text(session.digest),
            "{name}: run make.py again"
        );
        assert_eq!(golden.get("error"), &Value::Null, "{name}");
    }
}

#[test]
fn fastf1_still_says_what_the_golden_files_say() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (recordings, fresh) = (folder.path().join("recordings"), folder.path().join("golden"));
    for (name, plan) in CATALOGUE {
        recording::write(plan, &recordings.join(name)).expect("a recording");
    }
    if !golden::make(&recordings, &fresh) {
        return;
    }
    for (name, _) in CATALOGUE {
        let (committed, fresh) = (golden::read(&golden::folder(), name), golden::read(&fresh, name));
        for part in ["fastf1", "telemetry"] {
            let agreement = compare(committed.get(part), fresh.get(part));
            assert!(agreement.is_complete(), "{name} {part}: {agreement}");
        }
    }
}

#[test]
fn our_tables_are_fastf1s_whatever_session_a_seed_gives() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (recordings, fresh) = (folder.path().join("recordings"), folder.path().join("golden"));
    // 287 has no list of drivers, and its session was never started.
    let plans = (1000..1016).chain([287]).map(|seed| (seed.to_string(), Plan::from_seed(seed)));
    let write = |(seed, plan): (String, Plan)| {
        let session = recording::write(&plan, &recordings.join(&seed)).expect("a recording");
        (seed, plan, session)
    };
    let sessions: Vec<_> = plans.map(write).collect();
    if !golden::make(&recordings, &fresh) {
        return;
    }
    for (seed, plan, session) in sessions {
        let golden = golden::read(&fresh, &seed);
        assert_eq!(golden.get("error"), &Value::Null, "seed {seed}");
        // Without a gap that FastF1 cannot do without, there are laps.
        if plan.missing.is_empty() && plan.empty.is_empty() {
            assert!(
                matches!(golden.get("fastf1").get("laps"), Value::List(laps) if !laps.is_empty()),
                "seed {seed}"
            );
        }
        for (document, agreement) in ours::beside(&recordings.join(&seed), &session, &golden) {
            let agreement = agreement.unwrap_or_else(|why| panic!("seed {seed} {document}: {why}"));
            assert!(agreement.is_complete(), "seed {seed} {document}: {agreement}");
        }
    }
}

#[test]
fn our_tables_are_fastf1s_cell_for_cell() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut differing = Vec::new();
    for (name, plan) in CATALOGUE {
        let folder = folder.path().join(name);
        let session = recording::write(plan, &folder).expect("a recording");
        for (document, agreement) in ours::beside(&folder, &session, &golden::read(&golden::folder(), name)) {
            let agreement = agreement.unwrap_or_else(|why| panic!("{name} {document}: {why}"));
            eprintln!("{name} {document}: {agreement}");
            if !agreement.is_complete() {
                differing.push(format!("{name} {document}"));
            }
        }
    }
    assert!(differing.is_empty(), "{differing:?}");
}
