//! The synthetic sessions, their golden files, the real FastF1 and ours: do they agree?

use f1_ingest_tests::compare::{Value, compare};
use f1_ingest_tests::golden;
use f1_ingest_tests::synthetic::{CATALOGUE, Plan, recording};

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
fn fastf1_loads_whatever_session_a_seed_gives() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (recordings, fresh) = (folder.path().join("recordings"), folder.path().join("golden"));
    let seeds = 1000..1016;
    for seed in seeds.clone() {
        recording::write(&Plan::from_seed(seed), &recordings.join(seed.to_string())).expect("a recording");
    }
    if !golden::make(&recordings, &fresh) {
        return;
    }
    for seed in seeds {
        let golden = golden::read(&fresh, &seed.to_string());
        assert_eq!(golden.get("error"), &Value::Null, "seed {seed}");
        // Without a gap that FastF1 cannot do without, there are laps.
        let plan = Plan::from_seed(seed);
        if plan.missing.is_empty() && plan.empty.is_empty() {
            assert!(
                matches!(golden.get("fastf1").get("laps"), Value::List(laps) if !laps.is_empty()),
                "seed {seed}"
            );
        }
    }
}
