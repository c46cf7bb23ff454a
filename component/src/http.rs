//! HTTP for sources and store alike: retries, the budget of requests, redirects, and errors that name the cause.

pub mod body;
pub mod budget;
pub mod client;
pub mod download;
pub mod failure;
pub mod gzip;
pub mod percent;
pub mod reach;
pub mod redirect;
pub mod refusal;
pub mod retry;
pub mod transport;
pub mod url;
