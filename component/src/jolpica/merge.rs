//! Pages of a document → the document.

use super::answer::{Answer, Unreadable};
use super::rows::position;

/// Puts pages together, in their order: the one answer that a large enough limit would have given.
///
/// It has the first page's envelope; `limit` becomes the number of rows, as a text or a number as it was, and `offset`
/// is the first page's. Every row is the bytes that came.
///
/// Fails if something is in them twice, or pages differ in more than their rows.
pub fn merge(pages: &[impl AsRef<[u8]>]) -> Result<Vec<u8>, String> {
    let read = |page| Answer::read(page).map_err(|Unreadable { why, .. }| why);
    let (first, further) = pages.split_first().ok_or("there is no page")?;
    let first = read(first.as_ref())?;
    let (table_text, mut table) = first.table.ok_or("a page has no table")?;
    for page in further {
        let (_, next) = read(page.as_ref())?.table.ok_or("a page has no table")?;
        table.join(next)?;
    }
    if let Some(twice) = table.twice() {
        return Err(format!("{twice} is in it twice"));
    }
    let limit = first.limit_text.map(|limit| (limit, like(limit, table.count())));
    let rows = (table_text, table.text());
    Ok(replaced(first.text, [rows].into_iter().chain(limit).collect()).into_bytes())
}

/// A number, as a text if `other` is one.
fn like(other: &str, number: u64) -> String {
    match other.starts_with('"') {
        true => format!("\"{number}\""),
        false => number.to_string(),
    }
}

/// A text with others in the places of some of its parts.
fn replaced(text: &str, mut parts: Vec<(&str, String)>) -> String {
    parts.sort_by_key(|(part, _)| position(text, part));
    let (mut whole, mut at) = (String::new(), 0);
    for (part, other) in parts {
        let place = position(text, part);
        whole.push_str(text.get(at..place).unwrap_or_default());
        whole.push_str(&other);
        at = place + part.len();
    }
    whole.push_str(text.get(at..).unwrap_or_default());
    whole
}
