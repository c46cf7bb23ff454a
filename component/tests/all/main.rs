//! The component's library against fakes of the world: one module a topic.

mod any_feed;
mod any_pages;
mod any_results;
mod client;
mod credentials;
mod download;
mod endpoints;
mod keys;
mod parts;
mod session;
mod sigv4;
mod support;
mod telemetry;
