//! The newest object of a source, for `--if-changed`.
//!
//! Keys begin with the date, so the days that have objects are listed and looked through from the last one back.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>

use std::collections::BinaryHeap;

use http::Method;
use http::header::HeaderMap;

use super::Store;
use super::multipart::source_of;
use super::uri::encoded;
use super::xml::elements;
use crate::error::Result;
use crate::report::Stored;
use crate::runtime::{Clock, Transport};

impl<R: Transport + Clock> Store<'_, R> {
    /// The newest object of `source`, where there is one.
    ///
    /// Needs s3:ListBucket.
    pub(super) async fn newest(&self, source: &str) -> Result<Option<Stored>> {
        let mut days = BinaryHeap::from(self.list("raw/", "Prefix").await?);
        while let Some(day) = days.pop() {
            if day == "raw/" {
                continue;
            }
            let keys = self.list(&format!("{day}{source}/"), "Key").await?;
            let ours = keys.into_iter().filter(|key| source_of(key) == Some(source));
            // Of two numbers the longer one is greater.
            let Some(key) = ours.max_by_key(|key| (key.len(), key.clone())) else { continue };
            let Some(object) = self.client.retry(async || self.head(&key).await).await? else { continue };
            let header = |name: &str| object.header(name).unwrap_or_default();
            return Ok(Some(Stored {
                source: source.to_owned(),
                sha256: object.header("x-amz-meta-sha256").map(str::to_owned),
                size: header("content-length").parse().unwrap_or_default(),
                key,
            }));
        }
        Ok(None)
    }

    /// The text of every `element` in a listing of what is directly below `prefix`.
    async fn list(&self, prefix: &str, element: &str) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let mut from = String::new();
        loop {
            let query = format!("?list-type=2&delimiter=%2F&prefix={}{from}", encoded(prefix));
            let url = self.url(&query)?;
            let response = self.request(Method::GET, &url, HeaderMap::new(), None).await?;
            let elements = elements(&response.body);
            let next = elements.iter().find(|(name, _)| name == "NextContinuationToken");
            let next = next.map(|(_, token)| format!("&continuation-token={}", encoded(token)));
            found.extend(elements.into_iter().filter(|(name, _)| name == element).map(|(_, text)| text));
            match next {
                Some(next) if next != from => from = next,
                _ => return Ok(found),
            }
        }
    }
}
