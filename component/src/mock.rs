//! A JSON file of the user's, stored instead of anything that an upstream says.

use serde::de::IgnoredAny;

use crate::document::Document;
use crate::error::{Error, Result};

/// Reads `path`; it has to be JSON, and is stored as it is.
pub fn read(path: &str) -> Result<Document<'static>> {
    let usage = |e: &dyn std::fmt::Display| Error::usage(format!("--mock-file {path}: {e}"));
    let body = std::fs::read(path).map_err(|e| usage(&e))?;
    serde_json::from_slice::<IgnoredAny>(&body).map_err(|e| usage(&format!("is not JSON: {e}")))?;
    Ok(Document::whole(body))
}
