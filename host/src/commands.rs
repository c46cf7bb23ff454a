//! What the command line can ask for: a module for each command, and what they have in common.

pub mod backfill;
pub mod catalog;
pub mod check;
pub mod component;
pub mod demo;
pub mod login;
pub mod ls;
pub mod replay;
pub mod run;
pub mod serve;
pub mod status;
pub mod store;
pub mod verify;

use std::process::ExitCode;

use anyhow::Result;

use crate::outcome::exit_code;
use crate::stdio::complain;

/// The exit code of a command. If it failed, stderr gets the reason, in one line.
pub fn ended(outcome: Result<u8>) -> ExitCode {
    ExitCode::from(outcome.unwrap_or_else(|error| {
        complain(&format!("{error:#}"));
        exit_code(&error)
    }))
}
