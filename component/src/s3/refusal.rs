//! What a store's error means to the user, and whether trying again helps.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>

use chrono::{DateTime, Utc};
use http::header::{HeaderMap, HeaderName};
use http::{Method, Uri};

use super::bucket::{self, Bucket};
use super::xml::elements;
use crate::error::{Error, Kind};
use crate::http::failure::Failed;
use crate::http::retry::{Again, retry_after};
use crate::http::transport::Response;
use crate::http::url::Shown;

const DAMAGED: &str = "the body was cut or damaged on its way: check the network";

/// Error codes of S3: the kind, whether the same request may succeed later, and the remedy.
const CODES: &[(&str, Kind, bool, &str)] = &[
    ("NoSuchBucket", Kind::NoSuchBucket, false, "create the bucket or correct --bucket"),
    ("InvalidAccessKeyId", Kind::Credentials, false, "check AWS_ACCESS_KEY_ID"),
    ("SignatureDoesNotMatch", Kind::Credentials, false, "check AWS_SECRET_ACCESS_KEY and AWS_ACCESS_KEY_ID"),
    ("ExpiredToken", Kind::Credentials, false, "the session is over: get new credentials"),
    ("InvalidToken", Kind::Credentials, false, "check AWS_SESSION_TOKEN"),
    // What Ceph says of a token that it cannot read.
    (
        "InvalidArgument",
        Kind::StoreRefused,
        false,
        "check --sse, --storage-class, --acl and AWS_SESSION_TOKEN",
    ),
    (
        "AccessDenied",
        Kind::Credentials,
        false,
        "the credentials lack a right on this bucket (s3:PutObject, s3:GetObject); Ceph with STS says so too \
         where AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN is wrong",
    ),
    ("AllAccessDisabled", Kind::Credentials, false, "the account or bucket is disabled"),
    ("AuthorizationHeaderMalformed", Kind::Credentials, false, "check --region"),
    ("PermanentRedirect", Kind::StoreRefused, false, "the bucket is in another region: check --region"),
    ("TemporaryRedirect", Kind::StoreRefused, false, "the bucket is in another region: check --region"),
    ("IllegalLocationConstraintException", Kind::StoreRefused, false, "check --region"),
    ("RequestTimeTooSkewed", Kind::ClockSkew, false, "set this machine's clock (NTP)"),
    ("ConditionalRequestConflict", Kind::Conflict, true, "another run is writing the same key"),
    ("OperationAborted", Kind::Conflict, true, "another operation is under way on the bucket"),
    ("RequestTimeout", Kind::Network, true, "the upload stalled: check the network"),
    ("IncompleteBody", Kind::Network, true, DAMAGED),
    ("BadDigest", Kind::Network, true, DAMAGED),
    ("XAmzContentSHA256Mismatch", Kind::Network, true, DAMAGED),
    ("NoSuchUpload", Kind::Conflict, false, "another run of this source took over; try again"),
    ("InternalError", Kind::Unavailable, true, "try again later"),
    ("NotImplemented", Kind::StoreRefused, false, "the store cannot do this"),
    ("SlowDown", Kind::Unavailable, true, "the store asks for fewer requests"),
];

/// The parts of an error body that people can use.
#[derive(Debug, Default, PartialEq, Eq)]
struct Body {
    code: String,
    message: String,
    region: String,
}

/// Makes an error of a response that is neither a success nor a failed precondition; `asked` is the region that
/// the request was signed for.
pub fn failed(method: &Method, response: &Response, url: &Uri, asked: &str, now: DateTime<Utc>) -> Failed {
    let status = response.status.as_u16();
    let body = parse(&response.body);
    let code = match (body.code.as_str(), status) {
        ("", 403) => "AccessDenied", // a HEAD has no body
        ("", 301 | 307) => "PermanentRedirect",
        ("", 409) => "OperationAborted",
        (code, _) => code,
    };
    let known = CODES.iter().find(|(known, ..)| *known == code);
    let (kind, again, remedy) = match known {
        Some((_, kind, again, remedy)) => (*kind, *again, *remedy),
        None if status >= 500 => (Kind::Unavailable, true, "try again later"),
        None if status < 300 => (Kind::Network, true, "the answer is cut short, or from no S3 store"),
        None if status == 429 => (Kind::Unavailable, true, "the store asks for fewer requests"),
        None => (Kind::StoreRefused, false, "see the store's documentation of this error"),
    };
    let mut message = format!(
        "{method} {} was refused: {code} {}(HTTP {status}); {remedy}",
        Shown(url),
        sentence(&body.message)
    );
    let region = response.header("x-amz-bucket-region").unwrap_or(&body.region);
    if !region.is_empty() && region != asked {
        message.push_str(&format!("; the bucket's region is {region}, not {asked}"));
    }
    if kind == Kind::ClockSkew
        && let Some(skew) = skew(response, now)
    {
        message.push_str(&format!(
            "; it is {} s {} the store's",
            skew.abs(),
            if skew > 0 { "ahead of" } else { "behind" }
        ));
    }
    let after = response.header("retry-after").and_then(|value| retry_after(value, now));
    let again = match again {
        true => after.map_or(Again::Backoff, Again::After),
        false => Again::Never,
    };
    Failed { error: Error::new(kind, message).at(Shown(url)).with_status(status), again }
}

/// The region that a response sends us to, if it is another than `region`. A store that is not AWS must say
/// so in a header: what it writes of its region in an error is for people.
pub fn other_region(response: &Response, bucket: &Bucket, region: &str) -> Option<String> {
    if !matches!(response.status.as_u16(), 301 | 307 | 400) {
        return None;
    }
    let header = response.header("x-amz-bucket-region").map(str::to_owned);
    let other = header.or_else(|| bucket.endpoint.is_none().then(|| parse(&response.body).region))?;
    (!other.is_empty() && other != region && bucket::region(&other).is_ok()).then_some(other)
}

/// Seconds by which our clock is ahead of the server's, if its response says what time it is.
pub fn skew(response: &Response, now: DateTime<Utc>) -> Option<i64> {
    let theirs = httpdate::parse_http_date(response.header("date")?).ok()?;
    Some((now - DateTime::<Utc>::from(theirs)).num_seconds())
}

fn sentence(message: &str) -> String {
    match message.is_empty() {
        true => String::new(),
        false => format!("\"{message}\" "),
    }
}

/// Reads `<Error><Code>..</Code><Message>..</Message><Region>..</Region></Error>`; what is missing is empty.
fn parse(xml: &[u8]) -> Body {
    let mut body = Body::default();
    for (element, text) in elements(xml) {
        match element.as_str() {
            "Code" => body.code = text,
            "Message" => body.message = text,
            "Region" => body.region = text,
            _ => {}
        }
    }
    body
}

/// Headers that not every store knows, and that a request can go without: how each begins, and what an error calls it.
const OPTIONAL: [(&str, &str); 2] = [("if-none-match", "if-none-match"), ("x-amz-checksum-", "checksum")];

/// Which of a request's headers it has to go without, as the store refuses it rather than ignoring it: the one that the
/// answer names, or else the first that it may mean.
pub fn unknown_header(response: &Response, sent: &HeaderMap) -> Option<HeaderName> {
    let body = parse(&response.body);
    let is_any = match response.status.as_u16() {
        501 => true,
        400 => body.code == "NotImplemented",
        _ => return None,
    };
    // A checksum that is wrong is another matter.
    let is_known = CODES.iter().any(|(code, ..)| *code == body.code) && body.code != "InvalidArgument";
    let message = body.message.to_ascii_lowercase();
    let header = |begins: &str| sent.keys().find(|name| name.as_str().starts_with(begins)).cloned();
    let is_named = |called: &str| message.contains(called) && (is_any || !is_known);
    let named = OPTIONAL.iter().filter(|(_, called)| is_named(called)).find_map(|(begins, _)| header(begins));
    named.or_else(|| OPTIONAL.iter().filter(|_| is_any).find_map(|(begins, _)| header(begins)))
}

/// Whether a success is one. Some of S3's answers begin before the work is done, so that they are a 200 with an
/// `<Error>` in it if it fails; and not every 200 is from an S3 store, or whole.
pub fn is_done(method: &Method, response: &Response) -> bool {
    let is_result = || elements(&response.body).first().is_some_and(|(root, _)| root.ends_with("Result"));
    response.status.is_success()
        && match *method {
            Method::HEAD | Method::PUT => response.header("etag").is_some(),
            Method::GET | Method::POST => is_result(),
            _ => true,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_body_gives_its_code_message_and_region() {
        let xml = br#"<?xml version="1.0"?><Error><Code>PermanentRedirect</Code><Message>Use another
            endpoint.</Message><Region>eu-west-1</Region><HostId>x</HostId></Error>"#;
        let body = parse(xml);
        assert_eq!((body.code.as_str(), body.region.as_str()), ("PermanentRedirect", "eu-west-1"));
        assert!(body.message.starts_with("Use another"), "{body:?}");
    }

    #[test]
    fn a_header_that_the_store_does_not_know_is_found() {
        let (condition, checksum) = ("if-none-match", "x-amz-checksum-crc32");
        type Case<'a> = (u16, &'a str, &'a str, &'a [&'static str], Option<&'a str>);
        let table: [Case; 10] = [
            (501, "NotImplemented", "A header you provided", &[condition], Some(condition)),
            (501, "", "", &[checksum, condition], Some(condition)),
            (501, "NotImplemented", "no such Checksum", &[checksum, condition], Some(checksum)),
            (501, "NotImplemented", "", &[checksum], Some(checksum)),
            (501, "NotImplemented", "", &[], None),
            (400, "NotImplemented", "", &[condition], Some(condition)),
            (400, "InvalidArgument", "x-amz-checksum-crc32 is unknown", &[checksum], Some(checksum)),
            (400, "BadDigest", "the checksum did not match", &[checksum], None),
            (400, "InvalidArgument", "", &[checksum, condition], None),
            (403, "AccessDenied", "if-none-match", &[condition], None),
        ];
        for (status, code, message, headers, unknown) in table {
            let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>").into_bytes();
            let header = |name: &&'static str| (HeaderName::from_static(name), "x".parse().unwrap());
            let headers: HeaderMap = headers.iter().map(header).collect();
            let status = http::StatusCode::from_u16(status).unwrap();
            let response = Response { status, headers: HeaderMap::new(), body };
            let found = unknown_header(&response, &headers);
            assert_eq!(found.as_ref().map(HeaderName::as_str), unknown, "{status} {code} {message}");
        }
    }

    #[test]
    fn a_body_that_is_no_xml_gives_nothing() {
        for body in [&b""[..], b"upstream connect error", b"<Error><Code", b"\xff\xfe<"] {
            assert_eq!(parse(body), Body::default());
        }
    }
}
