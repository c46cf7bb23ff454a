//! The pages of a document: which comes next, and when to begin again.

use http::Uri;

use super::answer::Answer;
use super::merge::merge;
use crate::error::{Error, Kind, Result};
use crate::http::client::Client;
use crate::http::transport::{Clock, Response, Transport};
use crate::http::url::{Shown, authority};

/// How many rows Jolpica gives at most in one answer.
/// <https://github.com/jolpica/jolpica-f1/blob/main/docs/README.md#pagination>
pub const PAGE: u64 = 100;

/// How often a document is begun again that changes while it is read.
const RESTARTS: u64 = 3;

/// A race's laps are about 100 kB, a season's results 400 kB.
const MOST_BYTES: usize = 64 << 20;

/// GETs a document of the API with all its rows. An answer that has them all is the document, untouched. Else its
/// further pages are asked for, by [`PAGE`] rows, and put together as [`merge`] says.
///
/// A URL with an `offset`, or with a `limit` below [`PAGE`], means just these rows; where the API gives fewer at once,
/// they are put together as well. A larger `limit` asks for as much as there is: the whole document, in the fewest
/// requests. What is no answer of the API is handed back for the caller to judge.
///
/// Fails if the pages are not those of one document: too short or too long, something twice, another number of rows in
/// each attempt.
pub async fn whole<R: Transport + Clock>(client: &Client<R>, url: &Uri) -> Result<Response> {
    let wanted = Wanted::of(url);
    // A redirect costs a request of the hour's, so further pages are asked for at its end.
    let (target, response) = client.get_from(url, None).await?;
    let pages_url = if authority(&target) == authority(url) { &target } else { url };
    let Ok(answer) = Answer::of(&target, &response) else { return Ok(response) };
    if wanted.is_in(&answer) {
        return Ok(response);
    }
    let is_first = answer.offset.is_none_or(|offset| offset == wanted.from);
    let (status, headers) = (response.status, response.headers.clone());
    let mut first = is_first.then_some(response);
    for restart in 0..=RESTARTS {
        // Answers are kept for an hour by their URL: another limit asks for what is there now.
        let read = Pages { client, url: pages_url, wanted, size: PAGE - restart };
        if let Some(body) = read.all(first.take()).await? {
            return Ok(Response { status, headers, body });
        }
        client.log.info(&format!("{}: its number of rows has changed; from the start again", Shown(url)));
    }
    let message = format!("{} changes while its pages are read; try again later", Shown(url));
    Err(Error::new(Kind::Unavailable, message))
}

/// Rows that a URL asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    from: u64,
    most: u64,
}

impl Wanted {
    fn of(url: &Uri) -> Wanted {
        let number = |name: &str| {
            let named = parameters(url).filter_map(|parameter| parameter.split_once('='));
            named.filter(|(known, _)| *known == name).last().and_then(|(_, value)| value.parse().ok())
        };
        let most = number("limit").filter(|limit| *limit < PAGE);
        Wanted { from: number("offset").unwrap_or(0), most: most.unwrap_or(u64::MAX) }
    }

    /// How many of `total` rows it wants from row `offset` on.
    fn left(self, total: u64, offset: u64) -> u64 {
        total.min(self.from.saturating_add(self.most)).saturating_sub(offset)
    }

    /// Whether an answer has all of them, or all rows. One whose rows are in no list that is known is believed if
    /// its limit lets it be whole.
    fn is_in(self, answer: &Answer) -> bool {
        let (rows, left) = (answer.count(), self.left(answer.total, self.from));
        rows == answer.total || rows == left || rows == 0 && answer.limit.is_none_or(|limit| left <= limit)
    }
}

/// An attempt at a document.
struct Pages<'a, R> {
    client: &'a Client<R>,
    url: &'a Uri,
    wanted: Wanted,
    /// Rows to ask for at once.
    size: u64,
}

impl<R: Transport + Clock> Pages<'_, R> {
    /// Reads all pages, the first one unless it is there, and merges them. None if the number of rows changes on the way.
    async fn all(&self, mut first: Option<Response>) -> Result<Option<Vec<u8>>> {
        let (mut pages, mut at, mut total, mut bytes) = (Vec::new(), self.wanted.from, None, 0);
        loop {
            let url = self.page_url(at)?;
            let page = match first.take() {
                Some(page) => page,
                None => self.client.get(&url, None).await?,
            };
            let answer = Answer::of(&url, &page)?;
            if *total.get_or_insert(answer.total) != answer.total {
                return Ok(None);
            }
            at += self.fitting(&answer, at)?;
            bytes += page.body.len();
            if bytes > MOST_BYTES {
                return Err(self.unusable(&format!("they have more than {} MB", MOST_BYTES >> 20)).lasting());
            }
            let is_last = self.wanted.left(answer.total, at) == 0;
            pages.push(page.body);
            if is_last {
                return merge(&pages).map(Some).map_err(|why| self.unusable(&why));
            }
        }
    }

    /// How many rows a page from row `at` on has, if they are those that it should have.
    fn fitting(&self, answer: &Answer, at: u64) -> Result<u64> {
        if let Some(offset) = answer.offset.filter(|offset| *offset != at) {
            return Err(self.unusable(&format!("the page from row {at} on begins at row {offset}")));
        }
        let (rows, left) = (answer.count(), self.wanted.left(answer.total, at));
        let most = answer.limit.unwrap_or(rows).max(1).min(left);
        (rows == most).then_some(rows).ok_or_else(|| {
            self.unusable(&format!("the page from row {at} on has {rows} rows; it should have {most}"))
        })
    }

    /// The URL of the page from row `at` on: the document's, with all else that its query says.
    fn page_url(&self, at: u64) -> Result<Uri> {
        let limit = self.size.min(self.wanted.left(u64::MAX, at));
        let others = parameters(self.url)
            .filter(|parameter| !matches!(parameter.split('=').next(), Some("limit" | "offset")));
        let query: Vec<String> =
            others.map(str::to_owned).chain([format!("limit={limit}"), format!("offset={at}")]).collect();
        let text = self.url.to_string();
        let (document, _) = text.split_once('?').unwrap_or((&text, ""));
        format!("{document}?{}", query.join("&")).parse().map_err(|e| {
            Error::new(Kind::NotFound, format!("{} has no pages ({e}); check the URL", Shown(self.url)))
        })
    }

    fn unusable(&self, why: &str) -> Error {
        let message = format!("{}: its pages make no document: {why}; try again later", Shown(self.url));
        Error::new(Kind::NotJson, message)
    }
}

fn parameters(url: &Uri) -> impl Iterator<Item = &str> {
    url.query().unwrap_or_default().split('&').filter(|parameter| !parameter.is_empty())
}
