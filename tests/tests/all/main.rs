//! The release host, the component in it and everything around them: one module a topic.

mod aws;
mod check;
mod component;
mod credentials;
mod errors;
mod golden;
mod house;
mod if_changed;
mod items;
mod livetiming;
mod multipart;
mod networks;
mod no_proxy;
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
mod synthetic;
mod telemetry;
