//! Laps, weather, results and telemetry of a session as FastF1 3.9.0 gives them.

pub mod feed;
pub mod lap;
pub mod lines;
pub mod python;
pub mod table;
pub mod telemetry;
pub mod time;
pub mod value;
