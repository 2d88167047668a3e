//! What the studies share: options, data, the record of a training, its statistics, figures and reports.
#![allow(dead_code, reason = "no study needs all of it")]

pub mod data;
pub mod figures;
pub mod given;
pub mod gradients;
pub mod named;
pub mod options;
pub mod report;
pub mod run;

use crate::say;
use autorot::Result;
use given::Given;

/// Parses the options, checks them before anything is read or trained, and runs the study; ends the program with what went
/// wrong.
pub fn main<O: clap::Parser>(check: fn(&O, &Given) -> Result<()>, study: fn(&O) -> Result<()>) {
    env_logger::init();
    let (options, given) = Given::parse::<O>();
    if let Err(error) = check(&options, &given).and_then(|()| study(&options)) {
        say::fail(error);
    }
}
