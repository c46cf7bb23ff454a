//! Shared parts of the tests: the program under test, upstreams that misbehave on request, a real store.

pub mod binary;
pub mod shared;
pub mod store;
pub mod upstream;
