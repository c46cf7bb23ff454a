//! The ingest logic. [`options`] makes a [`job`] of a command line; everything here is pure or asks a trait for what it
//! needs, and runs natively as well as in the component.
//!
//! Modules need each other in one direction:
//!
//! ```text
//! options, incoming_handler
//!   -> job, plan
//!     -> source                              what can be asked for
//!     -> fastf1, raw_feeds, jolpica, mock    the sources, of upstreams, chosen by a schedule
//!       -> document                          what they make
//!     -> catalog                             what the bucket says of itself
//!     -> s3                                  the store, which puts documents and knows nothing of Formula 1
//!     -> dry_run                             what would become of it
//!     -> report                              what became of all that
//! ```
//!
//! Below all of them are HTTP ([`http`]) and the vocabulary: [`error`], [`session`], [`dates`], [`log`].

pub mod catalog;
pub mod dates;
pub mod document;
pub mod dry_run;
pub mod error;
pub mod fastf1;
pub mod http;
pub mod incoming_handler;
pub mod job;
pub mod jolpica;
pub mod livetiming;
pub mod log;
pub mod mock;
pub mod options;
pub mod plan;
pub mod raw_feeds;
pub mod report;
pub mod s3;
pub mod schedule;
pub mod session;
pub mod source;
pub mod upstreams;
