//! The choice of a session, on schedules written by hand.
