//! Objects by their names: listed, read, and written if their names are nobody else's.

use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};

use super::client::S3Client;
use super::pages::Pages;
use super::xml::elements;
use crate::error::{Kind, Result};
use crate::http::failure::Failed;
use crate::http::percent::encoded;
use crate::http::transport::{Clock, Response, Transport};

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub key: String,
    /// In bytes, as it lies in the bucket.
    pub size: u64,
}

impl<R: Transport + Clock> S3Client<'_, R> {
    /// The objects whose keys begin with `prefix` and come after `after`, in the order of their keys.
    ///
    /// Needs s3:ListBucket.
    pub async fn listed(&self, prefix: &str, after: &str, mut each: impl FnMut(Listed)) -> Result<()> {
        let after = if after.is_empty() { String::new() } else { format!("&start-after={}", encoded(after)) };
        let page = |elements: Vec<(String, String)>| {
            let mut key = None;
            for (name, text) in elements {
                match name.as_str() {
                    "Key" => key = Some(text),
                    "Size" => {
                        let size = text.parse().unwrap_or_default();
                        if let Some(key) = key.take() {
                            each(Listed { key, size });
                        }
                    }
                    _ => {}
                }
            }
        };
        self.list(prefix, &after, page).await
    }

    /// Every page of a listing of `prefix`, as its XML's elements; `options` are further parts of the query.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>
    pub async fn list(
        &self,
        prefix: &str,
        options: &str,
        mut page: impl FnMut(Vec<(String, String)>),
    ) -> Result<()> {
        let mut pages = Pages::default();
        let mut from = String::new();
        loop {
            pages.turn(&from)?;
            let url = self.url(&format!("?list-type=2{options}&prefix={}{from}", encoded(prefix)))?;
            let response = self.request(Method::GET, &url, HeaderMap::new(), None).await?;
            let elements = elements(&response.body);
            let next = elements.iter().find(|(name, _)| name == "NextContinuationToken");
            let next = next.map(|(_, token)| format!("&continuation-token={}", encoded(token)));
            page(elements);
            match next {
                Some(next) => from = next,
                None => return Ok(()),
            }
        }
    }

    /// The object at `key`, if there is one.
    ///
    /// Needs s3:GetObject.
    pub async fn get(&self, key: &str) -> Result<Option<Response>> {
        let url = self.url(key)?;
        let get = async || {
            let response = self.send(&Method::GET, &url, HeaderMap::new(), None).await?;
            if response.status == StatusCode::OK {
                return Ok(Some(response));
            }
            let failed = self.refused(&Method::GET, &response, &url);
            match response.status {
                StatusCode::NOT_FOUND if failed.error.kind != Kind::NoSuchBucket => Ok(None),
                _ => Err::<_, Failed>(failed),
            }
        };
        self.http.retry(get).await
    }

    /// Writes JSON under a key that nobody else writes to.
    ///
    /// Needs s3:PutObject.
    pub async fn put_json(&self, key: &str, body: &[u8]) -> Result<()> {
        let url = self.url(key)?;
        let mut headers = self.bucket.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let put = self.request(Method::PUT, &url, headers, Some(body)).await;
        put.map(drop).map_err(|error| {
            let message = format!("{key} cannot be written: {}", error.message);
            error.reworded(message)
        })
    }
}
