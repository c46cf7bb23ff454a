//! Livetiming's feeds, from bytes to what their messages say, as leniently as FastF1 3.9.0 reads them.
//!
//! A run spends its time here, so this crate alone is built for speed and the component around it for size.
//! Nothing public is generic over a closure or a type: that would be built in the other crate, for size.

pub mod by_driver;
pub mod feed;
pub mod lines;
pub mod numpy;
pub mod python;
pub mod table;
pub mod telemetry;
pub mod time;
pub mod timing;
pub mod value;
