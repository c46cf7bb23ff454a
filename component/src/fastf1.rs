//! Laps, weather, results and telemetry of a session as FastF1 3.9.0 gives them.

pub mod argsort;
pub mod drivers;
pub mod ergast;
pub mod feed;
pub mod lap;
pub mod lap_count;
pub mod laps;
pub mod lines;
pub mod python;
pub mod race_control;
pub mod results;
pub mod session_status;
pub mod stints;
pub mod table;
pub mod telemetry;
pub mod text;
pub mod time;
pub mod timing;
pub mod track_status;
pub mod value;
pub mod weather;
