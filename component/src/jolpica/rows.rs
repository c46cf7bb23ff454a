//! The rows of a document: which lists hold them, what tells one from another, and all that stands around them.
//! Nothing is written anew: a row is the bytes that came.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The tables of the API, each with its list.
/// <https://github.com/jolpica/jolpica-f1/tree/main/docs#available-endpoints>
const TABLES: &[(&str, &str)] = &[
    ("RaceTable", "Races"),
    ("StandingsTable", "StandingsLists"),
    ("DriverTable", "Drivers"),
    ("ConstructorTable", "Constructors"),
    ("CircuitTable", "Circuits"),
    ("SeasonTable", "Seasons"),
    ("StatusTable", "Status"),
];

/// A list: what its items are known by, and which lists in them have the rows. Items without such a list are rows.
struct List {
    name: &'static str,
    id: &'static [&'static str],
    inner: &'static [&'static str],
}

/// In the fifties a driver could have several cars in one race: the API keeps one entry for each round, driver,
/// constructor and number.
const ENTRY: &[&str] = &["Driver.driverId", "Constructor.constructorId", "number"];
const ROUND: &[&str] = &["season", "round"];

#[rustfmt::skip]
const LISTS: &[List] = &[
    List { name: "Races", id: ROUND, inner: &["Results", "QualifyingResults", "SprintResults", "PitStops", "Laps"] },
    List { name: "StandingsLists", id: ROUND, inner: &["DriverStandings", "ConstructorStandings"] },
    List { name: "Laps", id: &["number"], inner: &["Timings"] },
    List { name: "Results", id: ENTRY, inner: &[] },
    List { name: "QualifyingResults", id: ENTRY, inner: &[] },
    List { name: "SprintResults", id: ENTRY, inner: &[] },
    List { name: "PitStops", id: &["driverId", "stop"], inner: &[] },
    List { name: "Timings", id: &["driverId"], inner: &[] },
    List { name: "DriverStandings", id: &["Driver.driverId"], inner: &[] },
    List { name: "ConstructorStandings", id: &["Constructor.constructorId"], inner: &[] },
    List { name: "Drivers", id: &["driverId"], inner: &[] },
    List { name: "Constructors", id: &["constructorId"], inner: &[] },
    List { name: "Circuits", id: &["circuitId"], inner: &[] },
    List { name: "Seasons", id: &["season"], inner: &[] },
    List { name: "Status", id: &["statusId"], inner: &[] },
];

/// One row of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// What it is known by, from the outside in, as JSON: season, round, driver and so on.
    pub id: Vec<&'a str>,
    /// The row as it came.
    pub text: &'a str,
}

/// A list of a document, and the object that has it: a table, a race, a lap.
#[derive(Debug)]
pub struct Group<'a> {
    id: Vec<&'a str>,
    /// The object up to the list's bracket, and from its other bracket on.
    head: &'a str,
    items: Vec<Item<'a>>,
    tail: &'a str,
}

#[derive(Debug)]
enum Item<'a> {
    Row(Row<'a>),
    Group(Group<'a>),
}

impl<'a> Group<'a> {
    /// The table among the members of an answer, and its text.
    pub fn table(answer: &Members<'a>) -> Option<(&'a str, Group<'a>)> {
        TABLES.iter().find_map(|(table, list)| {
            let text = answer.get(table)?;
            let group = Group::read(text, &[], &[list])?;
            Some((text, group))
        })
    }

    /// The object `text` with the first of `lists` that it has.
    fn read(text: &'a str, id: &[&str], lists: &[&str]) -> Option<Group<'a>> {
        let members = Members::read(text).ok()?;
        let (list, items) = lists.iter().find_map(|name| {
            let list = LISTS.iter().find(|list| list.name == *name)?;
            Some((list, members.get(name).filter(|value| value.starts_with('['))?))
        })?;
        let at = position(text, items);
        let head = text.get(..at + "[".len())?;
        let tail = text.get(at + items.len() - "]".len()..)?;
        let items: Vec<&RawValue> = serde_json::from_str(items).ok()?;
        let items = items.into_iter().map(|item| Item::read(item.get(), list)).collect();
        Some(Group { id: members.id(id).unwrap_or(vec![head]), head, items, tail })
    }

    /// How many rows it has.
    pub fn count(&self) -> u64 {
        let count = |item: &Item| match item {
            Item::Row(_) => 1,
            Item::Group(group) => group.count(),
        };
        self.items.iter().map(count).sum()
    }

    /// Its rows, in their order.
    pub fn rows(&self) -> Vec<Row<'a>> {
        let rows = self.items.iter().flat_map(|item| match item {
            Item::Row(row) => vec![row.clone()],
            Item::Group(group) => group.rows(),
        });
        rows.map(|row| Row { id: [&self.id[..], &row.id].concat(), ..row }).collect()
    }

    /// Appends what comes next of the same object. What both share, a race or a lap, is put together.
    ///
    /// Fails if they are not the same but for their rows.
    pub fn join(&mut self, next: Group<'a>) -> Result<(), String> {
        if (self.head, self.tail) != (next.head, next.tail) {
            return Err(format!("{} is not the same in two pages", named(&self.id)));
        }
        let mut items = next.items;
        if let (Some(Item::Group(last)), Some(Item::Group(first))) = (self.items.last_mut(), items.first())
            && last.id == first.id
            && let Item::Group(first) = items.remove(0)
        {
            last.join(first)?;
        }
        self.items.append(&mut items);
        Ok(())
    }

    /// What is in it twice, if anything is.
    pub fn twice(&self) -> Option<String> {
        let mut seen = HashSet::new();
        self.ids().into_iter().find(|id| !seen.insert(id.clone())).map(|id| named(&id))
    }

    /// What its items and all in them are known by.
    fn ids(&self) -> Vec<Vec<&'a str>> {
        let ids = self.items.iter().flat_map(|item| match item {
            Item::Row(row) => vec![row.id.clone()],
            Item::Group(group) => [vec![group.id.clone()], group.ids()].concat(),
        });
        ids.map(|id| [&self.id[..], &id].concat()).collect()
    }

    /// Its text, as it came but for blanks between rows.
    pub fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) {
        text.push_str(self.head);
        for (place, item) in self.items.iter().enumerate() {
            if place > 0 {
                text.push(',');
            }
            match item {
                Item::Row(row) => text.push_str(row.text),
                Item::Group(group) => group.write(text),
            }
        }
        text.push_str(self.tail);
    }
}

impl<'a> Item<'a> {
    fn read(text: &'a str, list: &List) -> Item<'a> {
        if let Some(group) = Group::read(text, list.id, list.inner) {
            return Item::Group(group);
        }
        let id = Members::read(text).ok().and_then(|members| members.id(list.id));
        Item::Row(Row { id: id.unwrap_or(vec![text]), text })
    }
}

/// The members of an object, each value as it came.
pub struct Members<'a>(Vec<(String, &'a str)>);

impl<'a> Members<'a> {
    pub fn read(text: &'a str) -> serde_json::Result<Members<'a>> {
        serde_json::from_str(text)
    }

    /// The value of a key, the last one that was sent.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.0.iter().rev().find(|(known, _)| known == key).map(|(_, value)| *value)
    }

    /// The values at these paths, if all are there.
    fn id(&self, paths: &[&str]) -> Option<Vec<&'a str>> {
        let at = |path: &&str| match path.split_once('.') {
            None => self.get(path),
            Some((key, rest)) => Members::read(self.get(key)?).ok()?.get(rest),
        };
        paths.iter().map(at).collect()
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                    members.push((key, value.get()));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// Where a part of a text begins in it.
pub fn position(text: &str, part: &str) -> usize {
    part.as_ptr().addr() - text.as_ptr().addr()
}

/// An id, as a message has it.
pub fn named(id: &[&str]) -> String {
    const LONGEST: usize = 80;
    let words: Vec<&str> = id.iter().map(|word| word.trim_matches('"')).collect();
    match words.is_empty() {
        true => "the table".into(),
        false => words.join(" ").chars().take(LONGEST).collect(),
    }
}
