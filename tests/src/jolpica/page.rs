//! A page of an endpoint's rows, written as the API writes it.

use super::history::History;
use super::rows::{Endpoint, Needs, Query, Row};
use crate::synthetic::json::Json;
use crate::upstream::Reply;

/// What the API gives if it is not told, and at most.
pub const LIMIT: usize = 30;
pub const CAP: usize = 100;

/// An answer, as long as it can be meddled with.
#[derive(Debug, Clone)]
pub struct Page {
    pub path: String,
    /// What the table says besides its rows.
    pub table: Json,
    /// The names of the table and its list.
    pub lists: (&'static str, &'static str),
    pub rows: Vec<Row>,
    pub limit: usize,
    pub offset: usize,
    pub total: usize,
    /// Whether the three above are numbers; Jolpica has them as texts.
    pub numbers: bool,
}

/// What a URL's path and query ask for; an error is the answer.
struct Asked<'a> {
    endpoint: &'static Endpoint,
    query: Query,
    limit: usize,
    offset: usize,
    path: &'a str,
}

impl Page {
    /// The page that a target like `/ergast/f1/2024/results.json?limit=50` asks for, of at most `cap` rows. The error
    /// is the answer to what asks for none.
    pub fn of(history: &History, target: &str, cap: usize) -> Result<Page, Reply> {
        asked(history, target, cap).map(|asked| Page::cut(history, asked))
    }

    /// All of the document in one answer, as no limit would allow.
    pub fn whole(history: &History, target: &str) -> Page {
        let asked = asked(history, target, usize::MAX).expect("the target is one of the API's");
        let page = Page::cut(history, Asked { limit: usize::MAX, offset: 0, ..asked });
        Page { limit: page.total, ..page }
    }

    fn cut(history: &History, asked: Asked) -> Page {
        let Asked { endpoint, query, limit, offset, path } = asked;
        let rows = endpoint.rows(history, &query);
        let total = rows.len();
        let mut table = Json::object();
        let numbers = [("season", query.season.map(i64::from)), ("round", query.round), ("lap", query.lap)];
        for (name, number) in numbers {
            if let Some(number) = number {
                table.set(name, number.to_string());
            }
        }
        let rows = rows.into_iter().skip(offset).take(limit).collect();
        let lists = (endpoint.table, endpoint.list);
        Page { path: path.to_owned(), table, lists, rows, limit, offset, total, numbers: false }
    }

    pub fn text(&self) -> String {
        let number = |number: usize| match self.numbers {
            true => Json::Int(number as i64),
            false => number.to_string().into(),
        };
        let rows: Vec<&Row> = self.rows.iter().collect();
        let mut table = self.table.clone();
        table.set(self.lists.1, Json::List(nested(&rows, 0)));
        let mut data = Json::with([
            ("xmlns", "".into()),
            ("series", "f1".into()),
            ("url", format!("https://api.jolpi.ca{}", self.path).into()),
            ("limit", number(self.limit)),
            ("offset", number(self.offset)),
            ("total", number(self.total)),
        ]);
        data.set(self.lists.0, table);
        Json::with([("MRData", data)]).to_string()
    }

    pub fn reply(&self) -> Reply {
        Reply::json(self.text())
    }
}

/// Rows that lie in the same object are in one list.
fn nested(rows: &[&Row], depth: usize) -> Vec<Json> {
    let groups = rows.chunk_by(|one, other| match (one.within.get(depth), other.within.get(depth)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    });
    let item = |group: &[&Row]| match group[0].within.get(depth) {
        None => group[0].row.clone(),
        Some((object, list)) => {
            let mut object = object.clone();
            object.set(list, Json::List(nested(group, depth + 1)));
            object
        }
    };
    groups.map(item).collect()
}

fn asked<'a>(history: &History, target: &'a str, cap: usize) -> Result<Asked<'a>, Reply> {
    let refused =
        |status: u16, why: &str| Reply::new(status, Json::with([("detail", why.into())]).to_string());
    let (path, parameters) = target.split_once('?').unwrap_or((target, ""));
    let parameter = |name: &str| {
        let mut values = parameters.split('&').filter_map(|parameter| parameter.split_once('='));
        values.rfind(|(known, _)| *known == name).and_then(|(_, value)| value.parse::<usize>().ok())
    };
    let Some((_, document)) = path.split_once("/f1/") else { return Err(refused(404, "Not found")) };
    let Some(document) = document.strip_suffix(".json").or(document.strip_suffix('/')) else {
        // As Django does with APPEND_SLASH.
        let query = if parameters.is_empty() { String::new() } else { format!("?{parameters}") };
        return Err(Reply::new(301, "").with("location", &format!("{path}/{query}")));
    };
    let mut words: Vec<&str> = document.split('/').collect();
    let mut query = Query::default();
    let last = history.last();
    let number = |word: Option<&&str>, named: &str, last: Option<i64>| match word {
        Some(word) if **word == *named => last,
        word => word.and_then(|word| word.parse().ok()),
    };
    if let Some(season) = number(words.first(), "current", last.as_ref().map(|last| last.season.into())) {
        query.season = i32::try_from(season).ok();
        words.remove(0);
        let round = history.last().filter(|last| Some(last.season) == query.season).map(|last| last.number);
        if let Some(round) = number(words.first(), "last", round) {
            query.round = Some(round);
            words.remove(0);
        }
    }
    if let ["laps", lap] = words[..] {
        query.lap = lap.parse().ok();
        words.pop();
    }
    let endpoint = match words[..] {
        [] => Endpoint::named("races"),
        [name] => Endpoint::named(name),
        _ => None,
    };
    let endpoint = endpoint.ok_or_else(|| refused(404, "Not found"))?;
    match endpoint.needs {
        Needs::Season if query.season.is_none() => return Err(refused(400, "a season is needed")),
        Needs::Round if query.round.is_none() => return Err(refused(400, "a season and a round are needed")),
        _ => {}
    }
    let limit = parameter("limit").unwrap_or(LIMIT).min(cap);
    Ok(Asked { endpoint, query, limit, offset: parameter("offset").unwrap_or(0), path })
}
