//! Laps, weather, results and telemetry of a session as FastF1 3.9.0 gives them.

pub mod argsort;
pub mod drivers;
pub mod ergast;
pub mod feed;
pub mod lap;
pub mod lines;
pub mod python;
pub mod results;
pub mod table;
pub mod telemetry;
pub mod text;
pub mod time;
pub mod value;
