//! Shared parts of the tests: the program under test, upstreams that misbehave on request, a real store,
//! made-up sessions, and what the real FastF1 makes of them.

pub mod aws;
pub mod beside;
pub mod binary;
pub mod compare;
pub mod f1tv;
pub mod faults;
pub mod golden;
pub mod installed;
pub mod jolpica;
pub mod lake;
pub mod ours;
pub mod restore;
pub mod s3_servers;
pub mod server;
pub mod shared;
pub mod signed;
pub mod skip;
pub mod store;
pub mod synthetic;
pub mod upstream;
