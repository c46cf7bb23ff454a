//! Finds an event by a name that need not be exact: FastF1's `_fuzzy_event_search` and `fuzzy_matcher`.

use std::collections::HashMap;

use crate::error::{Error, Kind, Result};
use crate::session::Event;

/// The event of a season that a name means best, and whether the name is a part of its names and of no other's.
///
/// Fails if the name says too little, or fits no event or more than one well enough.
pub fn closest<'a>(events: &'a [Event], season: i32, text: &str) -> Result<(&'a Event, bool)> {
    let query = distinctive(text, Some(season));
    let events: Vec<&Event> = events.iter().filter(|event| !event.testing).collect();
    let features: Vec<Vec<String>> = events.iter().map(|event| features(event, season)).collect();
    let found = if is_long_enough(&query) { best(&query.replace(' ', ""), &features) } else { None };
    let found = found.and_then(|(index, is_exact)| Some((*events.get(index)?, is_exact)));
    found.ok_or_else(|| {
        let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
        let message =
            format!("{season} has no event clearly named {text:?}; its events: {}", names.join(", "));
        Error::new(Kind::NotFound, message)
    })
}

/// Whether a name says anything beyond what all events have in common, whatever the season.
pub fn is_distinctive(text: &str) -> bool {
    is_long_enough(&distinctive(text, None))
}

/// FastF1's least length.
fn is_long_enough(query: &str) -> bool {
    query.chars().count() >= 4
}

fn folded(text: &str) -> String {
    text.to_lowercase().replace('ß', "ss")
}

/// The name without what all events have in common.
fn distinctive(text: &str, season: Option<i32>) -> String {
    let season = season.map(|season| season.to_string()).unwrap_or_default();
    let common = ["formula 1", "formula1", &season, "grand prix", "gp"];
    let rest = common.iter().fold(folded(text), |text, word| text.replace(word, ""));
    let mut rest = rest.trim().to_owned();
    while rest.contains("  ") {
        rest = rest.replace("  ", " ");
    }
    rest
}

/// What an event can be called, without spaces.
fn features(event: &Event, season: i32) -> Vec<String> {
    let names = [
        (&event.location, folded(&event.location)),
        (&event.country, folded(&event.country)),
        (&event.name, distinctive(&event.name, Some(season))),
        (&event.official_name, distinctive(&event.official_name, Some(season))),
    ];
    names.into_iter().filter(|(raw, _)| !raw.is_empty()).map(|(_, name)| name.replace(' ', "")).collect()
}

/// The one event that has the query within a feature; else the most similar one of those that have, or of
/// all: at least half alike, and a tenth more alike than the next. Whether it is the one, too.
fn best(query: &str, features: &[Vec<String>]) -> Option<(usize, bool)> {
    let containing: Vec<usize> =
        (0..features.len()).filter(|&i| features[i].iter().any(|f| f.contains(query))).collect();
    if let [only] = containing[..] {
        return Some((only, true));
    }
    let mut ratios: Vec<Vec<u32>> = features
        .iter()
        .enumerate()
        .map(|(i, features)| {
            let candidate = containing.is_empty() || containing.contains(&i);
            features.iter().map(|feature| if candidate { ratio(feature, query) } else { 0 }).collect()
        })
        .collect();
    let highest = |row: &Vec<u32>| row.iter().copied().max().unwrap_or_default();
    let max = ratios.iter().map(highest).max()?;
    if ratios.iter().filter(|row| highest(row) == max).count() > 1 {
        // What several events share (a country) tells them apart as little as it can.
        let mut count = HashMap::new();
        for feature in features.iter().flatten() {
            *count.entry(feature).or_insert(0) += 1;
        }
        for (ratio, feature) in ratios.iter_mut().flatten().zip(features.iter().flatten()) {
            if *ratio == max && count.get(feature).is_some_and(|count| *count > 1) {
                *ratio = 0;
            }
        }
    }
    let rows: Vec<u32> = ratios.iter().map(highest).collect();
    let top = rows.iter().copied().max()?;
    let index = rows.iter().position(|row| *row == top)?;
    let second = rows.iter().enumerate().filter(|(i, _)| *i != index).map(|(_, row)| *row).max().unwrap_or(0);
    let clear = second == 0 || f64::from(max) / f64::from(second) >= 1.0 + 0.1;
    (max >= 50 && clear).then_some((index, false))
}

/// `rapidfuzz.fuzz.ratio` in whole percent: twice the longest common subsequence over both lengths.
fn ratio(a: &str, b: &str) -> u32 {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let total = a.len() + b.len();
    if total == 0 {
        return 100;
    }
    let mut row = vec![0; b.len() + 1];
    for x in &a {
        let mut diagonal = 0;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = if x == y { diagonal + 1 } else { above.max(row[j]) };
            diagonal = above;
        }
    }
    let distance = total - 2 * row[b.len()];
    ((1.0 - distance as f64 / total as f64) * 100.0) as u32
}
