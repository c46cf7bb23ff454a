//! AWS's own SigV4 vectors, as the `aws-sigv4` package ships them, through the component's signing; and
//! one PUT to S3 whose signature AWS documents.

use std::path::{Path, PathBuf};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{PayloadChecksumKind, SessionTokenMode};
use chrono::{DateTime, Utc};
use f1_ingest_component::http::transport::Request;
use f1_ingest_component::s3::sign::{Signer, settings, sign, sign_with};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;

/// Besides what is beyond ASCII.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ');

/// Beside the sources that this test was built of, which the compiler has noted. `cargo metadata` would want every
/// package of the workspace downloaded.
fn suite() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let notes = std::fs::read_dir(test.parent().unwrap()).unwrap().map(|entry| entry.unwrap());
    let notes = notes.filter(|entry| {
        let name = entry.file_name();
        name.to_str().is_some_and(|name| name.starts_with("aws_sigv4-") && name.ends_with(".d"))
    });
    let newest = notes.max_by_key(|entry| entry.metadata().unwrap().modified().unwrap());
    let note = std::fs::read_to_string(newest.expect("aws-sigv4 was compiled").path()).unwrap();
    let (_, sources) = note.split_once(".d: ").unwrap();
    let (package, _) = sources.split_once("/src/lib.rs").unwrap();
    Path::new(&package.replace("\\ ", " ")).join("aws-signing-test-suite/v4")
}

/// The request of a vector; its path encoded as it has to be in any HTTP request.
fn request(text: &str) -> Request<'_> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let unfolded = head.replace("\n ", " ");
    let mut lines = unfolded.lines();
    let line = lines.next().unwrap();
    let (method, rest) = line.split_once(' ').unwrap();
    let path = rest.strip_suffix(" HTTP/1.1").unwrap();
    let encoded = utf8_percent_encode(path, ENCODED);
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        if !name.eq_ignore_ascii_case("host") {
            headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value.trim()).unwrap());
        }
    }
    Request {
        method: Method::from_bytes(method.as_bytes()).unwrap(),
        url: format!("https://example.amazonaws.com{encoded}").parse().unwrap(),
        headers,
        body: (!body.is_empty()).then_some(body.as_bytes()),
    }
}

/// The signature that the component gives a vector, with S3's treatment of paths.
fn signature(vector: &Path) -> String {
    let text = std::fs::read_to_string(vector.join("request.txt")).unwrap();
    let context: Value =
        serde_json::from_str(&std::fs::read_to_string(vector.join("context.json")).unwrap()).unwrap();
    let text_of = |value: &Value| value.as_str().map(str::to_owned);
    let keys = &context["credentials"];
    let (id, secret) =
        (text_of(&keys["access_key_id"]).unwrap(), text_of(&keys["secret_access_key"]).unwrap());
    let credentials = Credentials::new(id, secret, text_of(&keys["token"]), None, "test");
    let mut settings = settings();
    if context["sign_body"] == false {
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
    }
    if context["omit_session_token"] == true {
        settings.session_token_mode = SessionTokenMode::Exclude;
    }
    let signer = Signer {
        credentials: &credentials,
        region: context["region"].as_str().unwrap(),
        service: context["service"].as_str().unwrap(),
    };
    let now: DateTime<Utc> = context["timestamp"].as_str().unwrap().parse().unwrap();
    let mut request = request(&text);
    sign_with(&mut request, &signer, settings, now).unwrap();
    let authorization = request.headers["authorization"].to_str().unwrap().to_owned();
    authorization.rsplit_once("Signature=").unwrap().1.to_owned()
}

#[test]
fn the_38_vectors_of_aws_have_their_signatures() {
    let suite = suite();
    let mut vectors: Vec<PathBuf> =
        std::fs::read_dir(&suite).unwrap().map(|entry| entry.unwrap().path()).collect();
    vectors.retain(|vector| vector.join("context.json").exists());
    assert_eq!(vectors.len(), 38);
    for vector in vectors {
        // S3 does not normalise a path: such a vector must get the signature of its unnormalised twin.
        let name = vector.file_name().unwrap().to_str().unwrap();
        let twin = suite.join(name.replace("-normalized", "-unnormalized"));
        let expected = std::fs::read_to_string(twin.join("header-signature.txt")).unwrap();
        assert_eq!(signature(&vector), expected.trim(), "{name}");
    }
}

/// "Example: PUT Object" of
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>.
#[test]
fn a_put_has_the_signature_that_aws_documents() {
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", secret, None, None, "test");
    let mut request = Request {
        method: Method::PUT,
        url: "https://examplebucket.s3.amazonaws.com/test%24file.text".parse().unwrap(),
        headers: HeaderMap::from_iter([
            (HeaderName::from_static("date"), HeaderValue::from_static("Fri, 24 May 2013 00:00:00 GMT")),
            (HeaderName::from_static("x-amz-storage-class"), HeaderValue::from_static("REDUCED_REDUNDANCY")),
        ]),
        body: Some(b"Welcome to Amazon S3."),
    };
    sign(&mut request, Some(&credentials), "us-east-1", "2013-05-24T00:00:00Z".parse().unwrap()).unwrap();
    let authorization = request.headers["authorization"].to_str().unwrap();
    let documented = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd";
    assert!(authorization.ends_with(documented), "{authorization}");
    assert!(!format!("{request:?}").contains(documented), "the signature shows in Debug");
}
