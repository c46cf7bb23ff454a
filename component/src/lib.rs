//! The ingest logic. [`options`] makes a job of a command line, `job` runs it; everything here is
//! pure or asks a trait for what it needs, and runs natively as well as in the component.

pub mod error;
pub mod fastf1;
pub mod log;
pub mod options;
