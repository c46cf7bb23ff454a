//! Objects in an S3 bucket: where it is, who signs, and how a document becomes an object that is surely there.
//!
//! [`client`] signs, sends, follows regions and renews credentials; [`store`] puts documents; [`certainty`] says what
//! an answer, or none, lets us know; [`objects`] reads, lists and writes what is no document.

pub mod bucket;
pub mod certainty;
pub mod checksum;
pub mod client;
pub mod credentials;
pub mod key;
pub mod objects;
mod pages;
pub mod refusal;
pub mod sign;
pub mod store;
pub mod xml;
