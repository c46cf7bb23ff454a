//! What a source hands to the store: bytes as they become final, and where they came from.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::future::ready;
use futures_util::stream::{LocalBoxStream, StreamExt, once};
use sha2::{Digest, Sha256};

use crate::error::Result;

/// The bytes of a document in order, in pieces of any size. A piece is made when it is asked for, so that
/// a document need never be in memory as a whole; an error ends it, and nothing of it is stored.
pub type Body<'a> = LocalBoxStream<'a, Result<Vec<u8>>>;

/// One document, ready to be stored.
pub struct Document<'a> {
    pub body: Body<'a>,
    /// Metadata beyond what every object has, as `x-amz-meta-<name>`: name and value.
    pub metadata: Vec<(&'static str, String)>,
    /// Of the whole body in lower-case hex, if the source knows it before the body was read: the
    /// metadata of a long document is sent ahead of it. A body that turns out otherwise is not stored.
    pub sha256: Option<String>,
    pub warnings: Warnings,
}

impl<'a> Document<'a> {
    /// A document that is already there.
    pub fn whole(body: Vec<u8>) -> Document<'static> {
        Document::streamed(once(ready(Ok(body))).boxed_local())
    }

    pub fn streamed(body: Body<'a>) -> Document<'a> {
        Document { body, metadata: Vec::new(), sha256: None, warnings: Warnings::default() }
    }

    /// Reads the document to its end: bytes of its body, and their SHA-256 in lower-case hex.
    pub async fn read(mut self) -> Result<(u64, String)> {
        let (mut size, mut sha256) = (0, Sha256::new());
        while let Some(piece) = self.body.next().await {
            let piece = piece?;
            size += piece.len() as u64;
            sha256.update(&piece);
        }
        Ok((size, hex::encode(sha256.finalize())))
    }
}

/// What there is to say of a document, one line each.
#[derive(Debug, Clone, Default)]
pub struct Remarks {
    /// What it lacks: somebody may have to act.
    pub warnings: Vec<String>,
    /// What was mended or left out on the way, as FastF1 does it: nobody has to.
    pub notes: Vec<String>,
}

impl Remarks {
    pub fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

/// The remarks on a document. Complete when the body was read to its end: a streamed body keeps a clone and adds to
/// it on its way.
#[derive(Debug, Clone, Default)]
pub struct Warnings(Rc<RefCell<Remarks>>);

impl Warnings {
    pub fn add(&self, warning: impl Into<String>) {
        self.0.borrow_mut().warn(warning);
    }

    /// The warnings so far, once.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.borrow_mut().warnings)
    }

    /// The notes so far, once.
    pub fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.0.borrow_mut().notes)
    }
}

impl From<Remarks> for Warnings {
    fn from(remarks: Remarks) -> Self {
        Warnings(Rc::new(RefCell::new(remarks)))
    }
}
