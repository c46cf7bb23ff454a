//! A document sent part by part while it is read: the object appears whole, at the end, or not at all.
//!
//! CreateMultipartUpload, UploadPart, CompleteMultipartUpload if the key is still free; whatever fails between
//! is aborted, because the store keeps and bills parts until then.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>
//!
//! **What a killed run left** stays open until it is surely dead: older than any run may last, as nothing in a listing
//! tells a dead run's upload from a live one's. The next run that sends in parts aborts it then, whatever it is of. A
//! store or credentials that do not list uploads cost this cleaning, with a warning, and nothing else.
//!
//! **A key that is taken.** A document is sent while it is read and cannot be sent again under another key: the
//! key is looked at before the upload begins, and of two runs with open uploads of one key the later one takes a
//! later second. If a key is lost all the same (412 or 409 at the end; or, at a store that is not known to refuse,
//! another run's object there before or after the completion), the job's next attempt has the source make the
//! document again.
//!
//! **`sha256`** in the metadata is sent ahead of the parts: it is there if the source knew it
//! ([`Document::sha256`](crate::document::Document)). A reader that compares objects needs to hash one without.

use chrono::{SecondsFormat, TimeDelta};
use futures_util::future::try_join;
use http::header::{ETAG, HeaderMap, HeaderValue};
use http::{Method, Uri};

use super::object::NewObject;
use super::parts::Parts;
use super::{Outcome, Store, same_as_announced};
use crate::document::Warnings;
use crate::error::{Error, Kind, Result};
use crate::http::percent::encoded;
use crate::http::transport::{Clock, Transport};
use crate::http::url::Shown;
use crate::s3::key::{Key, ROOT};
use crate::s3::pages::Pages;
use crate::s3::sign;
use crate::s3::xml::elements;

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const MOST_PARTS: usize = 10_000;

/// The host lets no run be longer.
const LONGEST_RUN: TimeDelta = TimeDelta::days(7);

/// An upload that was begun and neither completed nor aborted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Upload {
    key: String,
    id: String,
    /// When, as the store writes it: an RFC 3339 instant in UTC. Empty for our own.
    initiated: String,
}

/// Whose uploads are open beside one of ours, the nearest of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Others {
    Nobody,
    OfTheItem,
    AtTheKey,
}

impl<R: Transport + Clock> Store<'_, R> {
    /// Sends what is left of a document. `Contested` comes before any of it was sent.
    pub(super) async fn put_in_parts(
        &self,
        object: &NewObject<'_>,
        parts: &mut Parts<'_>,
        warnings: &Warnings,
    ) -> Result<Outcome> {
        let upload =
            Upload { key: object.key.to_string(), id: self.begin(object).await?, ..Upload::default() };
        let outcome = match self.clear_away(&upload, &object.key.item).await {
            Others::AtTheKey => Ok(Outcome::Contested),
            // One of them may have had this key, and completed it since it was looked at.
            Others::OfTheItem => match self.look(object).await {
                Ok(None) => self.send_all(&upload, object, parts, warnings).await,
                Ok(Some(there)) => {
                    self.abort(&upload).await;
                    return Ok(there);
                }
                Err(error) => Err(error),
            },
            Others::Nobody => self.send_all(&upload, object, parts, warnings).await,
        };
        if !matches!(outcome, Ok(Outcome::Written(_))) {
            self.abort(&upload).await;
        }
        outcome
    }

    /// Tries an upload of what is no longer than a part: it is begun, listed, completed. Gives what a run goes without
    /// where a right is missing.
    ///
    /// Fails if a run that sends in parts would.
    pub async fn try_parts(&self, object: &NewObject<'_>, mut parts: Parts<'_>) -> Result<Vec<Error>> {
        let upload = |id| Upload { key: object.key.to_string(), id, ..Upload::default() };
        let first = upload(self.begin(object).await?);
        let listed = self.open_uploads().await.err();
        let ended = self.end(&first).await.err();
        let second = upload(self.begin(object).await?);
        let sent = self.send_all(&second, object, &mut parts, &Warnings::default()).await;
        if !matches!(sent, Ok(Outcome::Written(_))) {
            self.abort(&second).await;
        }
        sent.map(|_| listed.into_iter().chain(ended).collect())
    }

    async fn begin(&self, object: &NewObject<'_>) -> Result<String> {
        let url = self.s3.url(&format!("{}?uploads=", object.key))?;
        let headers = object.headers_of_upload(&self.run_id, self.bucket())?;
        let response = self.s3.request(Method::POST, &url, headers, Some(&[])).await?;
        let mut elements = elements(&response.body).into_iter();
        let id = elements.find(|(name, id)| name == "UploadId" && !id.is_empty());
        id.map(|(_, id)| id).ok_or_else(|| unusable(&url, "has no UploadId"))
    }

    async fn send_all(
        &self,
        upload: &Upload,
        object: &NewObject<'_>,
        parts: &mut Parts<'_>,
        warnings: &Warnings,
    ) -> Result<Outcome> {
        let mut list = String::new();
        let mut part = Vec::new();
        for number in 1.. {
            parts.next().await?;
            part = parts.take(part);
            if part.is_empty() {
                break;
            }
            if number > MOST_PARTS {
                let most = part.len() * MOST_PARTS;
                let message = format!(
                    "{}: S3 takes {MOST_PARTS} parts, which hold {most} bytes; raise --part-size",
                    object.key.item
                );
                return Err(Error::new(Kind::StoreRefused, message));
            }
            // While a part is sent, the next one is made.
            let (sent, _) = try_join(self.send_part(upload, number, &part), parts.next()).await?;
            list.push_str(&sent);
        }
        if let (Some(read), Some(announced)) = (parts.sha256(), object.sha256) {
            same_as_announced(&object.key.item, &read, announced)?;
        }
        let made = object.made(parts.size());
        let url = self.upload_url(upload, "")?;
        let xmlns = "http://s3.amazonaws.com/doc/2006-03-01/";
        let body = format!(r#"<CompleteMultipartUpload xmlns="{xmlns}">{list}</CompleteMultipartUpload>"#);
        let began = self.s3.http.runtime.uptime();
        let is_taken = !self.bucket().is_conditional() && self.there(&object.key).await?.is_some();
        let outcome = match is_taken {
            true => Outcome::Taken,
            false => {
                self.make(made, Method::POST, &url, &HeaderMap::new(), body.as_bytes(), warnings).await?
            }
        };
        let is_lost = match &outcome {
            Outcome::Written(made) => self.holds_anothers(made, began).await?,
            _ => true,
        };
        if is_lost {
            let message =
                format!("another run wrote {} while {} was under way; try again", object.key, Shown(&url));
            return Err(Error::new(Kind::Conflict, message).with_status(412));
        }
        Ok(outcome)
    }

    /// Gives what the list of parts says of it.
    async fn send_part(&self, upload: &Upload, number: usize, part: &[u8]) -> Result<String> {
        let url = self.upload_url(upload, &format!("partNumber={number}&"))?;
        let mut headers = HeaderMap::new();
        let mut sum = String::new();
        if self.bucket().is_embedded() {
            // There is no way on which it could change, and to hash it takes as long as to make it.
            headers.insert(sign::CONTENT_SHA256, HeaderValue::from_static("UNSIGNED-PAYLOAD"));
        }
        if let Some(checksum) = &self.bucket().checksum {
            let (value, algorithm) = (checksum.of(part), checksum.algorithm);
            sum = format!("<Checksum{algorithm}>{value}</Checksum{algorithm}>");
            headers.extend(sign::header(&checksum.header(), &value).ok());
        }
        let response = self.s3.request(Method::PUT, &url, headers, Some(part)).await?;
        if self.s3.omitted().iter().any(|header| header.as_str().starts_with("x-amz-checksum-")) {
            sum.clear();
        }
        let etag = response.header(ETAG.as_str()).ok_or_else(|| unusable(&url, "has no ETag"))?;
        Ok(format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag>{sum}</Part>"))
    }

    /// Ends an upload. That it cannot be ended is no reason to fail: the next run tries again.
    async fn abort(&self, upload: &Upload) {
        if let Err(error) = self.end(upload).await {
            self.s3.http.log.warn(&error.message);
        }
    }

    async fn end(&self, upload: &Upload) -> Result<()> {
        let url = self.upload_url(upload, "")?;
        match self.s3.request(Method::DELETE, &url, HeaderMap::new(), Some(&[])).await {
            // NoSuchUpload: somebody else ended it.
            Err(error) if (error.kind, error.status) != (Kind::Conflict, Some(404)) => {
                let message = format!("{error}; parts of {} may stay and be billed", upload.key);
                Err(error.reworded(message))
            }
            _ => Ok(()),
        }
    }

    /// Ends what dead runs left open. Who else has an upload open; at the key of `mine`, one that is not later.
    async fn clear_away(&self, mine: &Upload, item: &str) -> Others {
        let open = match self.open_uploads().await {
            Ok(open) => open,
            Err(error) => {
                let consequence = "uploads that a killed run left are not ended: \
                                   allow s3:ListBucketMultipartUploads, or give the bucket a lifecycle rule";
                self.s3.http.log.warn(&format!("{error}; {consequence}"));
                return Others::Nobody;
            }
        };
        let oldest = (self.s3.http.runtime.now() - LONGEST_RUN).to_rfc3339_opts(SecondsFormat::Secs, true);
        let begun = open.iter().find(|other| other.id == mine.id).map_or("", |mine| &mine.initiated);
        let mut others = Others::Nobody;
        for other in open.iter().filter(|other| other.id != mine.id) {
            let Ok(Key { item: theirs, .. }) = other.key.parse() else { continue };
            if !other.initiated.is_empty() && other.initiated < oldest {
                self.s3.http.log.warn(&format!("ending an upload of {} that a dead run left", other.key));
                self.abort(other).await;
            } else if other.key == mine.key && (begun.is_empty() || other.initiated.as_str() <= begun) {
                // Of two that began in the same moment both yield.
                others = Others::AtTheKey;
            } else if theirs == item {
                others = others.max(Others::OfTheItem);
            }
        }
        others
    }

    async fn open_uploads(&self) -> Result<Vec<Upload>> {
        let mut open = Vec::new();
        let mut pages = Pages::default();
        let mut from = String::new();
        loop {
            pages.turn(&from)?;
            let url = self.s3.url(&format!("?uploads=&prefix={}{from}", encoded(ROOT)))?;
            let response = self.s3.request(Method::GET, &url, HeaderMap::new(), None).await?;
            let page = Page::parse(&response.body);
            open.extend(page.uploads);
            let Some((key, id)) = page.next else { return Ok(open) };
            from = format!("&key-marker={}&upload-id-marker={}", encoded(&key), encoded(&id));
        }
    }

    fn upload_url(&self, upload: &Upload, query: &str) -> Result<Uri> {
        self.s3.url(&format!("{}?{query}uploadId={}", upload.key, encoded(&upload.id)))
    }
}

fn unusable(url: &Uri, why: &str) -> Error {
    Error::new(Kind::StoreRefused, format!("the answer to {} {why}; is this an S3 store?", Shown(url)))
}

/// One answer to ListMultipartUploads.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html>
#[derive(Debug, Default, PartialEq, Eq)]
struct Page {
    uploads: Vec<Upload>,
    /// Where the next page begins, if there is one: a key and an upload's id.
    next: Option<(String, String)>,
}

impl Page {
    fn parse(xml: &[u8]) -> Page {
        let mut page = Page::default();
        let (mut is_cut, mut next) = (false, <(String, String)>::default());
        for (element, text) in elements(xml) {
            match (element.as_str(), page.uploads.last_mut()) {
                ("Upload", _) => page.uploads.push(Upload::default()),
                ("Key", Some(upload)) => upload.key = text,
                ("UploadId", Some(upload)) => upload.id = text,
                ("Initiated", Some(upload)) => upload.initiated = text,
                ("IsTruncated", _) => is_cut = text == "true",
                ("NextKeyMarker", _) => next.0 = text,
                ("NextUploadIdMarker", _) => next.1 = text,
                _ => {}
            }
        }
        // A store that says "more" and not where would be asked for ever.
        page.next = Some(next).filter(|(key, _)| is_cut && !key.is_empty());
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_uploads_and_says_where_the_next_one_begins() {
        // The fields of an upload in another order than AWS's, as another store sends them.
        let xml = b"<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><KeyMarker>raw/</KeyMarker>
            <NextKeyMarker>raw/b&amp;c</NextKeyMarker><NextUploadIdMarker>2</NextUploadIdMarker>
            <Upload><Key>raw/a</Key><UploadId>1</UploadId><Initiator><ID>x</ID></Initiator>
            <Initiated>2026-11-24T00:00:00.000Z</Initiated></Upload>
            <Upload><Initiated>2026-11-25T00:00:00.000Z</Initiated><UploadId>2</UploadId><Key>raw/b&amp;c</Key></Upload>
            </ListMultipartUploadsResult>";
        let upload = |key: &str, id: &str, day: u8| Upload {
            key: key.into(),
            id: id.into(),
            initiated: format!("2026-11-{day}T00:00:00.000Z"),
        };
        let page = Page::parse(xml);
        assert_eq!(page.uploads, [upload("raw/a", "1", 24), upload("raw/b&c", "2", 25)]);
        assert_eq!(page.next, Some(("raw/b&c".into(), "2".into())));
        assert_eq!(Page::parse(b"<ListMultipartUploadsResult><IsTruncated>true</IsTruncated>").next, None);
    }
}
