//! What the studies share: options, data, the record of a training, its statistics, figures and reports.
#![allow(dead_code, reason = "no study needs all of it")]

pub mod data;
pub mod figures;
pub mod gradients;
pub mod options;
pub mod report;
pub mod run;

use autorot::Result;

/// Parses the options and runs the study; ends the program with what went wrong.
pub fn main<O: clap::Parser>(study: fn(&O) -> Result<()>) {
    env_logger::init();
    if let Err(error) = study(&O::parse()) {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}
