//! `f1-ingest demo`: the whole job at once, with nothing but this binary.

use anyhow::Result;

pub fn demo() -> Result<u8> {
    todo!()
}
