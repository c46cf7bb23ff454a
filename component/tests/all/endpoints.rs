//! The URLs of buckets at AWS.
//!
//! <https://docs.aws.amazon.com/general/latest/gr/s3.html> lists the endpoints, dual-stack and FIPS among them,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html> has the two styles; botocore 1.43
//! gives the same URLs.

use f1_ingest_component::error::{Kind, Result};
use f1_ingest_component::job::Job;

use crate::support::job_with;

fn job(options: &str) -> Result<Job> {
    job_with(&options.split_whitespace().collect::<Vec<_>>(), &[])
}

#[test]
fn each_way_to_address_a_bucket_has_its_url() {
    let table = [
        ("-b lake", "https://lake.s3.us-east-2.amazonaws.com/"),
        ("-b lake -r us-east-1", "https://lake.s3.us-east-1.amazonaws.com/"),
        ("-b lake --path-style", "https://s3.us-east-2.amazonaws.com/lake"),
        // No certificate covers the host that it would have.
        ("-b lake.of.data", "https://s3.us-east-2.amazonaws.com/lake.of.data"),
        ("-b lake --use-fips-endpoint", "https://lake.s3-fips.us-east-2.amazonaws.com/"),
        ("-b lake --use-dualstack-endpoint", "https://lake.s3.dualstack.us-east-2.amazonaws.com/"),
        (
            "-b lake.of.data --use-fips-endpoint --use-dualstack-endpoint",
            "https://s3-fips.dualstack.us-east-2.amazonaws.com/lake.of.data",
        ),
        ("-b lake -r us-gov-west-1", "https://lake.s3.us-gov-west-1.amazonaws.com/"),
        (
            "-b lake -r us-gov-west-1 --use-fips-endpoint --use-dualstack-endpoint",
            "https://lake.s3-fips.dualstack.us-gov-west-1.amazonaws.com/",
        ),
        ("-b lake -r cn-north-1", "https://lake.s3.cn-north-1.amazonaws.com.cn/"),
        (
            "-b lake -r cn-north-1 --use-dualstack-endpoint --path-style",
            "https://s3.dualstack.cn-north-1.amazonaws.com.cn/lake",
        ),
        ("-b lake -r eusc-de-east-1", "https://lake.s3.eusc-de-east-1.amazonaws.eu/"),
        // An access point's alias is a bucket name.
        (
            "-b readers-abcdefgh1234-s3alias",
            "https://readers-abcdefgh1234-s3alias.s3.us-east-2.amazonaws.com/",
        ),
        ("-b lake --endpoint-url http://store.example:9000/base/", "http://store.example:9000/base/lake"),
    ];
    for (options, url) in table {
        assert_eq!(job(options).unwrap().bucket.url(), url, "{options}");
    }
}

#[test]
fn another_region_is_in_the_same_partition() {
    let table = [
        ("us-east-2", "eu-west-1", "https://lake.s3.eu-west-1.amazonaws.com/"),
        ("cn-north-1", "cn-northwest-1", "https://lake.s3.cn-northwest-1.amazonaws.com.cn/"),
        // The host's allow-list.
        ("cn-north-1", "*", "https://lake.s3.*.amazonaws.com.cn/"),
    ];
    for (region, other, url) in table {
        let job = job(&format!("-b lake -r {region}")).unwrap();
        assert_eq!(job.bucket.url_in(other), url);
    }
}

#[test]
fn an_arn_is_refused_with_what_to_give_instead() {
    for arn in [
        "arn:aws:s3:us-west-2:123456789012:accesspoint/readers",
        "arn:aws:s3-outposts:us-west-2:123456789012:outpost/op-1/accesspoint/readers",
        "arn:aws:s3:::lake",
    ] {
        let error = job(&format!("--bucket {arn}")).unwrap_err();
        assert_eq!(error.kind, Kind::Usage);
        assert!(error.message.contains("ARN") && error.message.contains("alias"), "{error}");
    }
}
