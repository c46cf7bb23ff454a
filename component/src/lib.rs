//! The ingest logic. [`options`] makes a job of a command line, `job` runs it; everything here is
//! pure or asks a trait for what it needs, and runs natively as well as in the component.

pub mod budget;
pub mod client;
pub mod document;
pub mod download;
pub mod error;
pub mod fastf1;
pub mod job;
pub mod jolpica;
pub mod livetiming;
pub mod log;
pub mod mock;
pub mod options;
pub mod raw_feeds;
pub mod report;
pub mod retry;
pub mod runtime;
pub mod s3;
pub mod schedule;
pub mod trigger;
