use super::*;
use crate::session::Slot;

fn instant(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn event(round: u32, day: &str, names: &[&str]) -> Event {
    let at = |hour: u32| instant(&format!("{day}T{hour:02}:00:00Z")).naive_utc();
    let slots = names.iter().enumerate().map(|(n, name)| {
        let utc = Some(at(10 + n as u32));
        Slot { name: (*name).to_owned(), local: None, utc }
    });
    Event {
        round,
        country: String::new(),
        location: String::new(),
        name: format!("Round {round}"),
        official_name: String::new(),
        date: at(0),
        testing: round == 0,
        timing: round != 3,
        slots: slots.collect(),
    }
}

/// Testing, a weekend, a cancelled one, a Sprint weekend without timing, one to come.
fn season() -> Schedules {
    let weekend = ["Practice 1", "Qualifying", "Race"];
    Schedules::from([(
        2026,
        vec![
            event(0, "2026-02-20", &["Practice 1"]),
            event(1, "2026-03-08", &weekend),
            event(2, "2026-04-05", &[]),
            event(3, "2026-05-03", &["Sprint Qualifying", "Sprint", "Race"]),
            event(4, "2026-12-06", &weekend),
        ],
    )])
}

fn names(texts: Texts, now: &str) -> Vec<String> {
    let now = instant(now);
    let selection = Selection::parse(&texts, now.year()).unwrap();
    plan(&selection, &season(), now).into_iter().map(|planned| planned.name).collect()
}

fn texts(seasons: &str, sources: &str) -> Texts {
    Texts { seasons: Some(seasons.into()), sources: Some(sources.into()), ..Texts::default() }
}

const NOW: &str = "2026-11-26T12:00:00Z";

#[test]
fn sessions_are_those_of_the_schedule_without_testing_and_what_was_cancelled() {
    let expected = [
        "fastf1/2026/01/FP1",
        "fastf1/2026/01/Q",
        "fastf1/2026/01/R",
        "fastf1/2026/03/SQ",
        "fastf1/2026/03/S",
        "fastf1/2026/03/R",
        "fastf1/2026/04/FP1",
        "fastf1/2026/04/Q",
        "fastf1/2026/04/R",
    ];
    assert_eq!(names(texts("2026", "fastf1"), NOW), expected);
    let some = Texts {
        rounds: Some("2..3".into()),
        sessions: Some("R,Q".into()),
        ..texts("2026", "fastf1,telemetry")
    };
    assert_eq!(names(some, NOW), ["fastf1/2026/03/R"], "livetiming does not cover it");
}

#[test]
fn a_season_has_the_documents_that_its_year_has() {
    let of = |seasons: &str| names(texts(seasons, "jolpica"), NOW);
    assert_eq!(
        of("1957")[5..],
        ["jolpica/1957/races", "jolpica/1957/results", "jolpica/1957/driverStandings"].map(str::to_owned)
    );
    assert!(of("1958").contains(&"jolpica/1958/constructorStandings".to_owned()));
    assert!(of("1994").contains(&"jolpica/1994/qualifying".to_owned()));
    let pitstops: Vec<_> = of("2026").into_iter().filter(|name| name.ends_with("pitstops")).collect();
    assert_eq!(pitstops, [1, 3, 4].map(|round| format!("jolpica/2026/{round:02}/pitstops")));
}

#[test]
fn a_season_under_way_is_as_new_as_its_last_race() {
    let since = |item: &str, now: &str| {
        let selection = Selection::parse(&texts("2026", "jolpica,fastf1"), 2026).unwrap();
        let all = plan(&selection, &season(), instant(now));
        let since = all.iter().find(|planned| planned.name == item).unwrap().since.unwrap();
        DateTime::from_timestamp(since, 0).unwrap().to_rfc3339()
    };
    assert_eq!(since("jolpica/2026/results", NOW), "2026-05-03T15:00:00+00:00");
    assert_eq!(since("jolpica/2026/results", "2026-01-26T12:00:00Z"), "2026-03-08T15:00:00+00:00");
    assert_eq!(since("jolpica/2026/races", "2026-01-26T12:00:00Z"), "2026-01-01T00:00:00+00:00");
    assert_eq!(since("fastf1/2026/04/Q", NOW), "2026-12-06T14:00:00+00:00");
}

#[test]
fn a_schedule_is_asked_for_if_something_depends_on_it() {
    let needed = |texts: Texts| super::needed(&Selection::parse(&texts, 2026).unwrap(), instant(NOW));
    assert_eq!(needed(texts("1950..2010", "jolpica")), [0i32; 0]);
    assert_eq!(needed(texts("2009..2012", "jolpica")), [2011, 2012]);
    assert_eq!(needed(texts("2016..2019", "fastf1")), [2018, 2019]);
    let laps = Texts { endpoints: Some("laps".into()), ..texts("1995..1996", "jolpica") };
    assert_eq!(needed(laps), [1996]);
    let results = Texts { endpoints: Some("results".into()), ..texts("2025..2026", "jolpica") };
    assert_eq!(needed(results), [2026]);
}

#[test]
fn the_whole_history_costs_about_a_thousand_requests() {
    let selection = Selection::parse(&texts("1950..", "jolpica"), 2026).unwrap();
    let known = (2011..=2026).map(|season| {
        let day = |round: u32| format!("{season}-{:02}-{:02}", 3 + round / 4, 1 + round % 4 * 7);
        (season, (1..=20).map(|round| event(round, &day(round), &["Qualifying", "Race"])).collect())
    });
    let all = plan(&selection, &known.collect(), instant(NOW));
    let requests =
        |all: &[Planned]| all.iter().flat_map(|planned| &planned.cost).map(|(_, n)| n).sum::<u32>();
    assert_eq!(requests(&all[..5]), 16);
    assert!((900..1200).contains(&requests(&all)), "{}", requests(&all));
}
