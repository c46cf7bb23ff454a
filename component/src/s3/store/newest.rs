//! The newest object of an item, for `--if-changed`.
//!
//! Keys begin with the date, so the days that have objects are listed and looked through from the last one back.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>

use std::collections::BinaryHeap;

use super::{Object, Store};
use crate::error::Result;
use crate::http::transport::{Clock, Transport};
use crate::s3::key::{Key, ROOT};

impl<R: Transport + Clock> Store<'_, R> {
    /// The newest object of `item`, if there is one.
    ///
    /// Needs s3:ListBucket.
    pub(super) async fn newest(&self, item: &str) -> Result<Option<Object>> {
        let mut days = BinaryHeap::from(self.list(ROOT, "Prefix").await?);
        while let Some(day) = days.pop() {
            if day == ROOT {
                continue;
            }
            let keys = self.list(&format!("{day}{item}/"), "Key").await?;
            let keys = keys.iter().filter_map(|key| key.parse().ok());
            let newest = keys.filter(|key: &Key| key.item == item).max_by_key(|key| key.seconds);
            let Some(key) = newest else { continue };
            if let Some(object) = self.known(key).await? {
                return Ok(Some(object));
            }
        }
        Ok(None)
    }

    /// The object at a key, if it is still there.
    pub(super) async fn known(&self, key: Key) -> Result<Option<Object>> {
        let name = key.to_string();
        let there = self.s3.http.retry(async || self.s3.head(&name).await).await?;
        Ok(there.map(|there| {
            let size = there.header("content-length").and_then(|length| length.parse().ok());
            let sha256 = there.header("x-amz-meta-sha256").map(str::to_owned);
            Object { key, size: size.unwrap_or_default(), sha256 }
        }))
    }

    /// The text of every `element` in a listing of what is directly below `prefix`.
    async fn list(&self, prefix: &str, element: &str) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let page = |elements: Vec<(String, String)>| {
            found.extend(elements.into_iter().filter(|(name, _)| name == element).map(|(_, text)| text));
        };
        self.s3.list(prefix, "&delimiter=%2F", page).await?;
        Ok(found)
    }
}
