//! What a source hands to the store: bytes, and where they came from.

/// One document, ready to be stored.
#[derive(Debug)]
pub struct Document {
    pub body: Vec<u8>,
    /// Metadata beyond what every object has, as `x-amz-meta-<name>`: name and value.
    pub metadata: Vec<(&'static str, String)>,
    /// What the document lacks, one line each.
    pub warnings: Vec<String>,
}
