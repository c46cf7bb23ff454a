//! Objects that are put as the job puts them, made in one go: s3s-fs hands each of its dozen steps to another thread, which
//! takes longer than the steps.

use std::fs::{self, File};
use std::io::{Result, Write};

use bytes::Bytes;
use s3s::S3Request;
use s3s::crypto::{Checksum, Md5};
use s3s::dto::PutObjectInput;
use serde_json::{Value, json};

use super::durable::New;
use crate::files::folder_of;

/// Whether an input names a checksum that its body is to have. Those of an object and of a part have these fields, and no trait.
macro_rules! has_checksum {
    ($input:expr) => {
        [
            $input.checksum_algorithm.is_some(),
            $input.checksum_crc32.is_some(),
            $input.checksum_crc32c.is_some(),
            $input.checksum_crc64nvme.is_some(),
            $input.checksum_sha1.is_some(),
            $input.checksum_sha256.is_some(),
            $input.content_md5.is_some(),
        ]
        .contains(&true)
    };
}
pub(super) use has_checksum;

/// Whether a request asks for nothing but bytes, metadata, a type and an encoding. What more there is, s3s-fs does.
pub fn is_plain(request: &S3Request<PutObjectInput>) -> bool {
    let input = &request.input;
    let more = [
        request.trailing_headers.is_some(),
        has_checksum!(input),
        input.cache_control.is_some(),
        input.content_disposition.is_some(),
        input.content_language.is_some(),
        input.expires.is_some(),
        input.storage_class.is_some(),
        input.website_redirect_location.is_some(),
    ];
    !more.contains(&true)
}

/// Stages an object of these bytes, as s3s-fs would, and gives its ETag.
pub fn stage(new: &New, input: &PutObjectInput, pieces: &[Bytes]) -> Result<String> {
    fs::create_dir_all(folder_of(&new.staged()))?;
    let (mut file, mut sum) = (File::create(new.staged())?, Md5::new());
    for piece in pieces {
        sum.update(piece);
        file.write_all(piece)?;
    }
    let e_tag = hex::encode(sum.finalize());
    let mut known = json!({ "user_metadata": input.metadata });
    for (name, value) in
        [("content_type", &input.content_type), ("content_encoding", &input.content_encoding)]
    {
        if let Some(value) = value {
            known[name] = Value::from(value.to_string());
        }
    }
    fs::write(new.staged_about("metadata"), known.to_string())?;
    fs::write(new.staged_about("internal"), json!({ "e_tag": e_tag }).to_string())?;
    Ok(e_tag)
}
