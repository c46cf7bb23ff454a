//! `f1-ingest backfill` against a made-up Jolpica, and what it leaves in the bucket: every item, whole, once.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use f1_ingest_tests::beside::Beside;
use f1_ingest_tests::binary::{command, run};
use f1_ingest_tests::jolpica::Jolpica;
use f1_ingest_tests::jolpica::history::History;
use f1_ingest_tests::lake::Lake;
use f1_ingest_tests::s3_servers::Server;
use f1_ingest_tests::store::keys;
use f1_ingest_tests::synthetic::dice::Dice;
use f1_ingest_tests::upstream::{Reply, fullest};

const SEASONS: &str = "2010..2011";

fn lake() -> Lake {
    Lake::new(Jolpica::start(History::new(1)))
}

#[test]
fn seasons_are_stored_whole_and_once_and_again_only_where_they_have_changed() {
    let lake = lake();
    let seasons = ["--seasons", SEASONS];
    let planned = lake.planned(&seasons);
    assert!(
        planned.contains(&"jolpica/2011/19/pitstops".to_owned())
            || planned.contains(&"jolpica/2011/18/pitstops".to_owned())
    );
    assert!(!planned.iter().any(|item| item.starts_with("jolpica/2010/") && item.ends_with("pitstops")));
    let first = lake.backfill(&seasons).expect(0);
    assert_eq!(first.keys().len(), planned.len());
    lake.assert_whole(&planned);

    let before = lake.jolpica.asked().len();
    let again = lake.backfill(&["--seasons", SEASONS, "--endpoints", "results,driverStandings"]).expect(0);
    assert_eq!(again.keys().len(), 0);
    assert_eq!(lake.jolpica.asked().len(), before, "nothing is asked for");

    // Three rows of two races are corrected.
    lake.jolpica.change(|history| {
        history.disqualify(2010, 3, 0);
        history.disqualify(2010, 3, 1);
        history.disqualify(2011, 4, 2);
    });
    let refresh =
        ["--seasons", SEASONS, "--endpoints", "races,results,qualifying,pitstops", "--refresh", "9999"];
    let corrected = lake.backfill(&refresh).expect(0);
    let new: Vec<&str> = corrected.keys().into_iter().map(|key| key.split('/').nth(3).unwrap()).collect();
    let twice: Vec<String> =
        lake.items().into_iter().filter(|(_, n)| *n == 2).map(|(item, _)| item).collect();
    assert_eq!(twice, ["jolpica/2010/results", "jolpica/2011/results"], "{new:?}");
    corrected.says(&["jolpica/2010/results", "2 changed", "2010 3"]);
    corrected.says(&["jolpica/2011/results", "1 changed", "2011 4"]);
    assert!(lake.items().values().all(|count| *count <= 2));
    let verify = lake.json("verify", &[]);
    assert_eq!(verify["whole"], planned.len() + 2);
}

/// From 1950 on if `F1_WHOLE` asks for it.
#[test]
fn the_whole_history_is_stored_with_all_its_rows_in_about_a_thousand_requests() {
    let is_whole = std::env::var_os("F1_WHOLE").is_some();
    let lake = lake();
    let seasons = ["--seasons", if is_whole { "1950.." } else { "2017..2018" }];
    let planned = lake.planned(&seasons);
    let before = lake.jolpica.asked().len();
    lake.backfill(&seasons).expect(0);
    lake.assert_whole(&planned);
    let asked = lake.jolpica.asked().len() - before;
    assert!(asked < if is_whole { 1400 } else { 100 }, "{asked} requests for {} items", planned.len());
    println!("{} items in {asked} requests", planned.len());
}

/// With `F1_WHOLE=1 F1_KILLS=200`: from 1950 on, thirty sessions, and Jolpica's limits with a minute for an hour.
#[test]
fn a_machine_that_is_killed_again_and_again_ends_with_every_item_stored_once() {
    const HOUR: u64 = 60;
    let is_whole = std::env::var_os("F1_WHOLE").is_some();
    let kills: u64 = std::env::var("F1_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    let (seasons, races, longest) = match is_whole {
        true => ("1950..", 1..=15, 7500),
        false => (SEASONS, 1..=2, 400),
    };
    let history = History::new(1);
    let sessions: Vec<_> = races.clone().flat_map(|round| [(2023, round), (2024, round)]).collect();
    let beside = Beside::start(&history, &sessions);
    let lake = Lake::new(Jolpica::start(history)).with(beside);
    let lake = if is_whole { lake.with_an_hour_of(HOUR) } else { lake };
    let rounds = format!("1..{}", races.end());
    let tables = ["--seasons", seasons];
    let feeds =
        ["--seasons", "2023..2024", "--rounds", &rounds, "--sessions", "R", "--sources", "fastf1,livetiming"];
    let planned = [lake.planned(&tables), lake.planned(&feeds)].concat();
    assert!(!is_whole || planned.len() > 650 + 60);
    let mut dice = Dice::new(7, "kills");
    for kill in 0..kills {
        let what = if dice.one_in(3) { &feeds[..] } else { &tables };
        let mut child = quietly(&mut lake.command("backfill", &[what, &["--wait"]].concat(), &[]));
        std::thread::sleep(Duration::from_millis(dice.between(5, longest).unsigned_abs()));
        let _ = child.kill();
        child.wait().unwrap();
        let twice: Vec<_> = lake.items().into_iter().filter(|(_, count)| *count > 1).collect();
        assert!(twice.is_empty(), "after kill {kill}: {twice:?}");
    }
    println!("{} of {} items after {kills} kills", lake.items().len(), planned.len());
    for what in [&tables[..], &feeds] {
        lake.backfill(&[what, &["--wait"]].concat()).expect(0);
    }
    lake.assert_whole(&planned);
    let asked = lake.jolpica.requests();
    println!(
        "{} requests to Jolpica, {} beside it",
        asked.len(),
        lake.beside.as_ref().unwrap().asked().len()
    );
    // What left in time may have come a little later.
    let most = |seconds: u64| fullest(&asked, Duration::from_secs(seconds) - Duration::from_millis(300));
    assert!(!is_whole || most(1) <= 4 && most(HOUR) <= 200, "{} and {}", most(1), most(HOUR));
}

/// Starts a command that nobody listens to.
fn quietly(command: &mut Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn eight_shards_of_which_some_are_killed(lake: &Lake) {
    let planned = lake.planned(&["--seasons", SEASONS]);
    let shard = |index: usize| {
        let variables = [("JOB_COMPLETION_INDEX", &*index.to_string()), ("JOB_COMPLETION_COUNT", "8")];
        quietly(&mut lake.command("backfill", &["--seasons", SEASONS], &variables))
    };
    let mut children: Vec<_> = (0..8).map(shard).collect();
    let mut dice = Dice::new(3, "shards");
    for _ in 0..12 {
        std::thread::sleep(Duration::from_millis(dice.between(20, 200).unsigned_abs()));
        let index = dice.between(0, 7) as usize;
        let _ = children[index].kill();
        children[index].wait().unwrap();
        // What was sent to a server before may still be carried out.
        std::thread::sleep(Duration::from_millis(100));
        children[index] = shard(index);
    }
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(lake.planned(&["--seasons", SEASONS]), [""; 0], "nothing is left to do");
    lake.assert_whole(&planned);
}

#[test]
fn shards_at_once_store_disjoint_parts_whatever_becomes_of_them() {
    eight_shards_of_which_some_are_killed(&lake());
}

#[test]
fn shards_at_once_store_disjoint_parts_at_servers_that_nobody_here_wrote() {
    for server in [Server::moto(), Server::swift()].into_iter().flatten() {
        println!("{}", server.offer.name);
        eight_shards_of_which_some_are_killed(&lake().at(server));
    }
}

#[test]
fn a_host_that_has_had_enough_puts_its_items_off_in_one_line() {
    // The fifth request is one too many.
    let jolpica = Jolpica::answering(History::new(1), |turn| match turn.number {
        ..4 => turn.answer(),
        _ => Reply::new(429, r#"{"detail": "throttled"}"#).with("retry-after", "1800"),
    });
    // A host that is to be spared is asked for one item after the other.
    let lake = Lake::new(jolpica).with_an_hour_of(3600);
    let run = lake.backfill(&["--seasons", "2005..2010", "--endpoints", "races"]).expect(75);
    let asked = lake.jolpica.asked().len();
    assert_eq!(asked, 5, "it is not asked again");
    run.says(&["stored 4", "failed 0", "not now 2"]).says(&["puts off 2 items", "it goes on at"]);
}

#[test]
fn a_plan_takes_as_long_as_the_limits_that_it_is_given() {
    let whole = ["--seasons", "1960..2009", "--endpoints", "results,races", "--plan"];
    for (lake, hour) in [(lake(), 0), (lake().with_an_hour_of(60), 60), (lake().with_an_hour_of(3600), 3600)]
    {
        let plan = lake.json("backfill", &whole);
        let of_jolpica = &plan["upstreams"][lake.jolpica.authority()];
        let requests = of_jolpica["requests"].as_u64().unwrap();
        assert!((201..400).contains(&requests), "{requests}");
        let paced = if hour == 0 { 0 } else { requests / 4 };
        assert_eq!(of_jolpica["seconds"], paced.max(hour), "{hour}");
    }
}

#[test]
fn what_the_upstream_does_not_have_is_remembered_and_not_asked_for_at_once() {
    let jolpica = Jolpica::answering(History::new(1), |turn| match turn.target.contains("results") {
        true => Reply::json(
            r#"{"MRData": {"limit": "30", "offset": "0", "total": "0", "RaceTable": {"Races": []}}}"#,
        ),
        false => turn.answer(),
    });
    let lake = Lake::new(jolpica);
    let some = ["--seasons", "1990", "--endpoints", "races,results"];
    lake.backfill(&some).expect(0).says(&["stored 1", "absent 1"]);
    let asked = lake.jolpica.asked().len();
    lake.backfill(&some).expect(0).says(&["1 known to be absent"]);
    assert_eq!(lake.jolpica.asked().len(), asked);
    let status = lake.json("status", &[]);
    assert_eq!(status["absent"][0]["item"], "jolpica/1990/results");
    assert_eq!(status["runs"].as_array().map(Vec::len), Some(2));
}

#[test]
fn one_items_failure_does_not_end_the_others() {
    let jolpica = Jolpica::answering(History::new(1), |turn| match turn.target.contains("1991/races") {
        true => Reply::json("<html>"),
        false => turn.answer(),
    });
    let lake = Lake::new(jolpica);
    lake.backfill(&["--seasons", "1990..1994", "--endpoints", "races"])
        .expect(1)
        .says(&["stored 4", "failed 1"]);
    let status = lake.json("status", &[]);
    assert_eq!(status["failing"][0]["item"], "jolpica/1991/races");
}

#[test]
fn a_catalogue_that_is_damaged_or_gone_is_made_up_for() {
    let lake = lake();
    let some = ["--seasons", "1990..1992"];
    let planned = lake.planned(&some);
    lake.backfill(&some).expect(0);
    lake.run("catalog", &[]).expect(2);
    let rebuilt = {
        let mut arguments = lake.arguments("rebuild", &[]);
        arguments.insert(0, "catalog".into());
        let run = run(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), &[]).expect(0);
        run.stdout
    };
    assert!(rebuilt.contains(&format!("{} items", planned.len())), "{rebuilt}");
    lake.assert_whole(&planned);
    assert_eq!(lake.catalog().len(), 2, "a record and a snapshot");
    for file in lake.catalog() {
        std::fs::write(file, b"{\"schema\":").unwrap();
    }
    let again = lake.backfill(&some).expect(0);
    assert_eq!(again.keys().len(), 0, "the keys alone say that it is stored");
    again.says(&["cannot be read and is left out"]);
    std::fs::remove_dir_all(lake.bucket().join("catalog")).unwrap();
    assert_eq!(lake.backfill(&some).expect(0).keys().len(), 0);
}

#[test]
fn keys_are_listed_newest_first_and_by_what_they_are_of() {
    let lake = lake();
    lake.backfill(&["--seasons", "1990..1991", "--endpoints", "races,results"]).expect(0);
    let of_a_season = lake.run("ls", &["jolpica/1990"]).expect(0);
    assert_eq!(of_a_season.keys().len(), 2);
    assert!(of_a_season.keys().iter().all(|key| key.contains("/jolpica/1990/")));
    assert_eq!(lake.run("ls", &["jolpica/1990/results"]).expect(0).keys().len(), 1);
    assert_eq!(lake.run("ls", &["jolpica/19"]).expect(1).stdout, "");
    let all = lake.run("ls", &[]).expect(0);
    let seconds: Vec<&str> = all.keys().into_iter().map(|key| key.rsplit('/').next().unwrap()).collect();
    assert!(seconds.is_sorted_by(|a, b| a >= b), "{seconds:?}");
}

#[test]
fn damage_is_found_and_named() {
    let lake = lake();
    lake.backfill(&["--seasons", "1990..1991", "--endpoints", "races,results"]).expect(0);
    let all = keys(&lake.bucket());
    let find = |item: &str| all.iter().find(|key| key.contains(item)).unwrap();
    let (gone, cut, other) = (find("1990/races"), find("1990/results"), find("1991/races"));
    std::fs::remove_file(lake.bucket().join(gone)).unwrap();
    let bytes = std::fs::read(lake.bucket().join(cut)).unwrap();
    std::fs::write(lake.bucket().join(cut), &bytes[..bytes.len() / 2]).unwrap();
    let mut bytes = std::fs::read(lake.bucket().join(other)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(lake.bucket().join(other), bytes).unwrap();
    std::fs::write(lake.bucket().join("raw/stranger.txt"), b"hello").unwrap();
    let verify = lake.json("verify", &[]);
    assert_eq!(verify["missing"], serde_json::json!([gone]));
    assert_eq!(verify["unknown"], serde_json::json!(["raw/stranger.txt"]));
    let damaged: Vec<&str> =
        verify["damaged"].as_array().unwrap().iter().map(|it| it["key"].as_str().unwrap()).collect();
    assert_eq!(damaged, [cut.as_str(), other.as_str()]);
    lake.run("verify", &[]).expect(1);
}

#[test]
fn wrong_usage_is_said_before_anything_is_sent() {
    let lake = lake();
    for (more, named) in [
        (&["--seasons", "1949"][..], "--seasons"),
        (&[][..], "--seasons"),
        (&["--seasons", "2010", "--season", "2010"][..], "--season"),
        (&["--seasons", "2010", "--shard", "4/4"][..], "--shard"),
        (&["--seasons", "2010", "--endpoints", "lap"][..], "--endpoints"),
        (&["--seasons", "2010", "--catalog", "raw/"][..], "--catalog"),
    ] {
        lake.backfill(more).expect(2).says(&[named]);
    }
    assert_eq!(lake.jolpica.asked().len(), 0);
}

#[test]
fn a_plain_run_notes_what_it_did_if_it_is_asked_to() {
    let lake = lake();
    lake.run("run", &[]).expect(0);
    assert!(lake.catalog().is_empty());
    lake.run("run", &["--items", "jolpica/1990/races,jolpica/1990/results", "--catalog", "catalog"])
        .expect(0);
    let status = lake.json("status", &[]);
    assert_eq!(status["runs"][0]["stored"], 2, "{status}");
    assert_eq!(
        lake.backfill(&["--seasons", "1990", "--endpoints", "races,results"]).expect(0).keys().len(),
        0
    );
}

#[test]
fn a_service_brings_the_bucket_up_to_date_by_the_clock() {
    let lake = lake();
    let state = lake.path().join("last-run");
    std::fs::write(&state, "2025-06-01T00:00:00Z\n").unwrap();
    let backfill = "--seasons 1990..1991 --endpoints races";
    // New Year's Day was missed.
    let service = ["--listen", "127.0.0.1:0", "--schedule", "0 0 1 1 *", "--backfill", backfill, "--state"];
    let arguments = lake.arguments("serve", &[&service[..], &[state.to_str().unwrap()]].concat());
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut child = command(&arguments, &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let began = std::time::Instant::now();
    while lake.json("status", &[])["runs"][0]["exit_code"] != 0 && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(100));
    }
    let _ = child.kill();
    child.wait().unwrap();
    let items: Vec<String> = lake.items().into_keys().collect();
    assert_eq!(items, ["jolpica/1990/races", "jolpica/1991/races"]);
}

#[test]
fn a_service_refuses_a_backfill_that_could_not_begin() {
    let lake = lake();
    for (options, named) in
        [("--seasons 1949", "--backfill"), ("--seasons '2010", "quote"), ("--seasons 2010 --plan", "--plan")]
    {
        lake.run("serve", &["--listen", "127.0.0.1:0", "--schedule", "0 12 * * *", "--backfill", options])
            .expect(2)
            .says(&[named]);
    }
}
