//! AWS's S3 at its own host names: which one is asked, and where it sends a run whose region is wrong. What is
//! behind the names checks the signatures: a store of ours for each region.

use std::net::SocketAddr;

use f1_ingest_tests::aws::Aws;
use f1_ingest_tests::binary::{Run, run};
use f1_ingest_tests::store::{ACCESS_KEY, BUCKET, SECRET_KEY, Store};
use f1_ingest_tests::upstream::{Asked, RESULTS, Reply, Upstream};

/// A run with these arguments, for which `aws` is AWS.
fn ingest(aws: &Aws, arguments: &[&str]) -> Run {
    let upstream = Upstream::start([Reply::json(RESULTS)]);
    let url = upstream.url("/");
    let base = ["run", "--bucket", BUCKET, "--retries", "1", "--jolpica-url", &url];
    let keys = [("AWS_ACCESS_KEY_ID", ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", SECRET_KEY)];
    let environment = aws.environment();
    let environment = environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let run = run(&[&base[..], arguments].concat(), &keys.into_iter().chain(environment).collect::<Vec<_>>());
    assert!(!run.stderr.contains(SECRET_KEY), "the secret shows:\n{}", run.stderr);
    run
}

/// The region that a request was signed for.
fn signed_for(asked: &Asked) -> &str {
    asked.header("authorization").and_then(|signature| signature.split('/').nth(2)).expect("it is signed")
}

/// Host and region of every request.
fn hosts(aws: &Aws) -> Vec<(String, String)> {
    let host = |asked: &Asked| asked.header("host").unwrap_or_default().to_owned();
    aws.asked().iter().map(|asked| (host(asked), signed_for(asked).to_owned())).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(host, region)| (host.to_string(), region.to_string())).collect()
}

/// How S3 says in which region a bucket is: two of its own, and a HEAD's, which has no body.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html>
fn elsewhere(status: u16, region: &str) -> Reply {
    match status {
        400 => Reply::new(
            400,
            format!(
                "<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region is wrong</Message>\
                 <Region>{region}</Region></Error>"
            ),
        ),
        _ => Reply::new(status, "<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message></Error>")
            .with("x-amz-bucket-region", region),
    }
}

/// An AWS whose bucket is in the store's region, us-east-2; asked elsewhere it answers with `status`.
fn aws_with(store: SocketAddr, status: u16) -> Aws {
    Aws::start(move |asked| match asked.header("host").unwrap_or_default().contains(".us-east-2.") {
        true => Reply::Forward(store),
        false => elsewhere(status, "us-east-2"),
    })
}

#[test]
fn a_run_is_sent_to_the_buckets_own_region_and_signs_anew() {
    for status in [301, 400] {
        let store = Store::start();
        let aws = aws_with(store.address, status);
        let run = ingest(&aws, &["--path-style", "--region", "eu-west-1"]).expect(0);
        assert_eq!(store.keys(), run.keys());
        run.says(&["lake is in us-east-2, not in eu-west-1", "--region us-east-2"]);
        let expected =
            [("s3.eu-west-1.amazonaws.com", "eu-west-1"), ("s3.us-east-2.amazonaws.com", "us-east-2")];
        assert_eq!(hosts(&aws), pairs(&expected), "{status}");
    }
}

#[test]
fn a_second_redirect_is_an_error_that_names_the_region() {
    for status in [301, 400] {
        let aws = Aws::start(move |asked| match signed_for(asked) {
            "us-west-1" => elsewhere(status, "us-west-2"),
            _ => elsewhere(status, "us-west-1"),
        });
        ingest(&aws, &[]).expect(1).says(&["the bucket's region is us-west-2, not us-west-1"]);
        let expected = [
            ("lake.s3.us-east-2.amazonaws.com", "us-east-2"),
            ("lake.s3.us-west-1.amazonaws.com", "us-west-1"),
        ];
        assert_eq!(hosts(&aws), pairs(&expected), "{status}");
    }
}

#[test]
fn a_name_that_no_redirect_can_lead_to_is_not_asked() {
    let aws = Aws::start(|_| elsewhere(301, "x.evil.example/"));
    ingest(&aws, &[]).expect(1).says(&["PermanentRedirect"]);
    assert_eq!(hosts(&aws), pairs(&[("lake.s3.us-east-2.amazonaws.com", "us-east-2")]));
}

#[test]
fn each_endpoint_of_aws_is_asked_by_its_name() {
    let table = [
        (&["--use-fips-endpoint"][..], "lake.s3-fips.us-east-2.amazonaws.com", "PUT /raw/"),
        (&["--use-dualstack-endpoint"], "lake.s3.dualstack.us-east-2.amazonaws.com", "PUT /raw/"),
        (&["--bucket", "lake.of.data"], "s3.us-east-2.amazonaws.com", "PUT /lake.of.data/raw/"),
        (&["--region", "cn-north-1"], "lake.s3.cn-north-1.amazonaws.com.cn", "PUT /raw/"),
    ];
    for (arguments, host, line) in table {
        let aws = Aws::start(|_| Reply::new(200, "").with("etag", "\"e\""));
        ingest(&aws, arguments).expect(0);
        let asked = aws.asked();
        assert!(asked.iter().any(|asked| asked.line.starts_with(line)), "{asked:?}");
        assert!(hosts(&aws).iter().all(|(asked, _)| asked == host), "{asked:?}");
    }
}

#[test]
fn an_access_points_arn_is_one_line_and_nothing_is_sent() {
    let aws = Aws::start(|_| Reply::new(200, ""));
    let arn = "arn:aws:s3:us-west-2:123456789012:accesspoint/readers";
    let run = ingest(&aws, &["--bucket", arn]).expect(2);
    run.says(&["--bucket", "ARN", "alias"]);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    assert!(aws.asked().is_empty());
}
