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
mod observers;
mod options;
mod overwriting;
mod python_json;
mod recipes;
mod recorded;
mod run;
mod runtimes;
mod s3_matrix;
mod sandbox;
mod schedules;
mod servers;
mod set_ups;
mod synthetic;
mod telemetry;
