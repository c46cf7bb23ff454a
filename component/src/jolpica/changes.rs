//! What is different between two versions of a document, row by row.

use std::collections::BTreeMap;
use std::fmt;

use super::answer::Answer;
use super::rows::named;

/// How many rows of a kind are named at most.
const NAMED: usize = 5;

/// The rows that differ, each as season, round, driver and so on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    pub changed: Vec<String>,
    pub added: Vec<String>,
    pub gone: Vec<String>,
}

impl Changes {
    /// None if one of them is no answer of the API with rows.
    pub fn between(before: &[u8], after: &[u8]) -> Option<Changes> {
        let (before, after) = (rows(before)?, rows(after)?);
        let names = |keep: &dyn Fn(&Id, &str) -> bool, of: &BTreeMap<Id, &str>| {
            let rows = of.iter().filter(|(id, text)| keep(id, text));
            rows.map(|(id, _)| named(&id.iter().map(String::as_str).collect::<Vec<_>>())).collect()
        };
        Some(Changes {
            changed: names(&|id, text| before.get(id).is_some_and(|old| *old != text), &after),
            added: names(&|id, _| !before.contains_key(id), &after),
            gone: names(&|id, _| !after.contains_key(id), &before),
        })
    }
}

type Id = Vec<String>;

fn rows(document: &[u8]) -> Option<BTreeMap<Id, &str>> {
    let (_, table) = Answer::read(document).ok()?.table?;
    let rows = table.rows().into_iter();
    Some(rows.map(|row| (row.id.into_iter().map(str::to_owned).collect(), row.text)).collect())
}

/// `2 rows changed (2024 5 norris, 2024 6 norris), 1 added (2024 7 bearman)`
impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [("changed", &self.changed), ("added", &self.added), ("gone", &self.gone)];
        let said = all.into_iter().filter(|(_, rows)| !rows.is_empty()).map(|(what, rows)| {
            let more = if rows.len() > NAMED { ", …" } else { "" };
            let some: Vec<&str> = rows.iter().take(NAMED).map(String::as_str).collect();
            format!("{} {what} ({}{more})", rows.len(), some.join(", "))
        });
        let said: Vec<String> = said.collect();
        match said.is_empty() {
            true => f.write_str("no row changed, only what stands around them"),
            false => write!(f, "rows: {}", said.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(rows: &[(&str, u32)]) -> String {
        let rows = rows.iter().map(|(id, n)| format!(r#"{{"driverId": "{id}", "n": {n}}}"#));
        let rows: Vec<String> = rows.collect();
        format!(
            r#"{{"MRData": {{"total": "{}", "DriverTable": {{"Drivers": [{}]}}}}}}"#,
            rows.len(),
            rows.join(", ")
        )
    }

    #[test]
    fn rows_are_told_apart_by_what_they_are_known_by() {
        let before = document(&[("a", 1), ("b", 1), ("c", 1)]);
        let after = document(&[("c", 1), ("b", 2), ("d", 1)]);
        let changes = Changes::between(before.as_bytes(), after.as_bytes()).unwrap();
        assert_eq!(changes.to_string(), "rows: 1 changed (b), 1 added (d), 1 gone (a)");
        let same = Changes::between(before.as_bytes(), before.as_bytes()).unwrap();
        assert_eq!(same, Changes::default());
        assert_eq!(Changes::between(b"{}", before.as_bytes()), None);
    }
}
