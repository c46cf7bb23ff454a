//! The release host, the component in it and everything around them: one module a topic.

mod aws;
mod check;
mod component;
mod credentials;
mod errors;
mod golden;
mod if_changed;
mod livetiming;
mod multipart;
mod observers;
mod options;
mod overwriting;
mod recipes;
mod recorded;
mod run;
mod runtimes;
mod s3_matrix;
mod sandbox;
mod schedules;
mod servers;
mod stopping;
mod synthetic;
mod telemetry;
