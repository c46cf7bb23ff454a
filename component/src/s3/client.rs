//! Requests to one bucket: signed, sent again to the bucket's own region if the store sends us there, with
//! credentials that are renewed before they expire.

use std::cell::RefCell;

use aws_credential_types::Credentials;
use http::header::{HeaderMap, HeaderName};
use http::{Method, StatusCode, Uri};

use super::bucket::Bucket;
use super::credentials::{self, Expiring, Keys, NO_CREDENTIALS};
use super::{refusal, sign};
use crate::error::{Error, Kind, Result};
use crate::http::client::Client;
use crate::http::failure::Failed;
use crate::http::retry::Again;
use crate::http::transport::{Clock, Request, Response, Transport};

/// Newer keys are there so many seconds before the old ones expire, AWS promises.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html>
const EARLY: i64 = 300;

/// A bucket, as one run talks to it.
pub struct S3Client<'a, R> {
    pub http: &'a Client<R>,
    pub bucket: &'a Bucket,
    /// Those that a container's endpoint gave.
    renewed: RefCell<Option<Expiring>>,
    /// The bucket's own region, once the store has sent us there.
    region: RefCell<Option<String>>,
    /// Headers that the store refuses, so that requests go without.
    omitted: RefCell<Vec<HeaderName>>,
}

impl<'a, R: Transport + Clock> S3Client<'a, R> {
    pub fn new(http: &'a Client<R>, bucket: &'a Bucket) -> Self {
        let (renewed, region, omitted) = Default::default();
        S3Client { http, bucket, renewed, region, omitted }
    }

    /// The bucket's region, as far as it is known.
    pub fn region(&self) -> String {
        self.region.borrow().clone().unwrap_or_else(|| self.bucket.region.clone())
    }

    /// Fails if the store is dead; asks it if nobody knows and much is to be fetched for it.
    pub async fn reach(&self, is_much: bool) -> Result<()> {
        let url = self.url("")?;
        self.http.is_alive(&url)?;
        if !is_much || self.bucket.is_embedded() || self.http.has_answered(&url) {
            return Ok(());
        }
        let ask = async || match self.send(&Method::HEAD, &url, HeaderMap::new(), None).await {
            Err(failed) if failed.again == Again::Silently => Err(failed),
            // What an answer means, or that none came, the requests find out that it is asked for.
            _ => Ok(self.http.is_alive(&url)?),
        };
        self.http.retry(ask).await
    }

    /// The URL of a key, or of the bucket itself with a query.
    pub fn url(&self, key: &str) -> Result<Uri> {
        let url = format!("{}/{key}", base(&self.bucket.url_in(&self.region())));
        url.parse()
            .map_err(|_| Error::new(Kind::StoreRefused, format!("{key} makes no URL; check --endpoint-url")))
    }

    /// Headers that the store turned out to refuse.
    pub fn omitted(&self) -> Vec<HeaderName> {
        self.omitted.borrow().clone()
    }

    /// Sends one request, signed; once more without a header that the store refuses and that is no must.
    pub async fn send(
        &self,
        method: &Method,
        url: &Uri,
        mut headers: HeaderMap,
        body: Option<&[u8]>,
    ) -> std::result::Result<Response, Failed> {
        loop {
            self.omitted.borrow().iter().for_each(|name| drop(headers.remove(name)));
            let response = self.send_on(method, url, headers.clone(), body).await?;
            match refusal::unknown_header(&response, &headers) {
                Some(unknown) if !self.bucket.is_conditional() => self.omitted.borrow_mut().push(unknown),
                _ => return Ok(response),
            }
        }
    }

    /// Sends one request; once more, to the bucket's own region, if the store sends us there.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html>
    async fn send_on(
        &self,
        method: &Method,
        url: &Uri,
        headers: HeaderMap,
        body: Option<&[u8]>,
    ) -> std::result::Result<Response, Failed> {
        let region = self.region();
        let response = self.send_in(&region, method, url, headers.clone(), body).await?;
        let Some(other) = refusal::other_region(&response, self.bucket, &region) else { return Ok(response) };
        if self.region.borrow().is_some() {
            return Ok(response);
        }
        self.http.log.warn(&format!(
            "{} is in {other}, not in {region}: --region {other} saves a request",
            self.bucket.name
        ));
        let rest = url.to_string().split_off(base(&self.bucket.url_in(&region)).len());
        let moved = base(&self.bucket.url_in(&other)) + &rest;
        let Ok(moved) = moved.parse() else { return Ok(response) };
        self.region.replace(Some(other.clone()));
        self.send_in(&other, method, &moved, headers, body).await
    }

    async fn send_in(
        &self,
        region: &str,
        method: &Method,
        url: &Uri,
        headers: HeaderMap,
        body: Option<&[u8]>,
    ) -> std::result::Result<Response, Failed> {
        let mut request = Request { method: method.clone(), url: url.clone(), headers, body };
        let credentials = self.credentials().await?;
        sign::sign(&mut request, credentials.as_ref(), region, self.http.runtime.now())?;
        self.http.send(&request).await
    }

    /// Sends a request that makes no object, again if that may help; all but a success is an error.
    pub async fn request(
        &self,
        method: Method,
        url: &Uri,
        headers: HeaderMap,
        body: Option<&[u8]>,
    ) -> Result<Response> {
        let send = async || {
            let response = self.send(&method, url, headers.clone(), body).await?;
            match refusal::is_done(&method, &response) {
                true => Ok(response),
                false => Err::<_, Failed>(self.refused(&method, &response, url)),
            }
        };
        self.http.retry(send).await
    }

    /// What the store says of the object at `key`, if there is one. Asked once.
    pub async fn head(&self, key: &str) -> std::result::Result<Option<Response>, Failed> {
        let url = self.url(key)?;
        let response = self.send(&Method::HEAD, &url, HeaderMap::new(), None).await?;
        match response.status {
            StatusCode::NOT_FOUND => Ok(None),
            _ if refusal::is_done(&Method::HEAD, &response) => Ok(Some(response)),
            _ => Err(self.refused(&Method::HEAD, &response, &url)),
        }
    }

    /// What a response that is not a success means.
    pub fn refused(&self, method: &Method, response: &Response, url: &Uri) -> Failed {
        let mut failed = refusal::failed(method, response, url, &self.region(), self.http.runtime.now());
        // The upload is lost: only the whole document, sent anew, can become an object.
        // <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
        if *method == Method::POST && response.status == StatusCode::CONFLICT {
            failed.again = Again::Never;
        }
        failed
    }

    /// The keys to sign with now; none if requests are not signed.
    pub async fn credentials(&self) -> Result<Option<Credentials>> {
        let (url, token) = match &self.bucket.keys {
            _ if self.bucket.unsigned => return Ok(None),
            Keys::Given(credentials) => return Ok(Some(credentials.clone())),
            Keys::Container(url, token) => (url, token),
            Keys::Nowhere => return Err(Error::new(Kind::Credentials, NO_CREDENTIALS)),
        };
        let now = self.http.runtime.now().timestamp();
        let left = self.renewed.borrow().as_ref().map_or(0, |(_, expiry)| expiry - now);
        if left <= EARLY {
            match credentials::ask(self.http, url, token).await {
                Ok(new) => drop(self.renewed.replace(Some(new))),
                Err(error) if left > 0 => {
                    let message = format!("{error}; those that are there are used until they expire");
                    self.http.log.warn(&message);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(self.renewed.borrow().as_ref().map(|(credentials, _)| credentials.clone()))
    }
}

/// A URL without the slash that `Uri` puts behind an authority.
fn base(url: &Uri) -> String {
    url.to_string().trim_end_matches('/').to_owned()
}
