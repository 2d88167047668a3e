//! Seven studies that train classic and auto-rotating (AR) networks side by side, from the same initial weights where the start is not
//! part of what is compared, and report how they differ. Each is a subcommand with its own folder; shared code is next to this file.
//!
//! - `compare`: multilayer perceptrons, the experiment of the arpkeras notebook
//! - `vanishing_gradients`: a deep convolutional net, with and without batch normalisation
//! - `images`: a small residual net, saturating neurons against ReLU
//! - `calibrate`: cheap sensors, calibrated against a reference
//! - `sequence`: recurrent nets, and how far back in time their gradients reach
//! - `battery`: many small tables and series, every way to make neurons with its own best learning rate: ranks and their significance
//! - `depth`: plain nets of any depth, each kind of neuron with its own best learning rate
//!
//! `cargo run --release --example studies -- compare`; `--help` after a study's name lists its options. Built with the feature mpi, a study that
//! `mpirun -n 4` starts has every training shared by 4 processes.

mod battery;
mod calibrate;
mod compare;
mod data;
mod depth;
mod figures;
mod given;
mod gradients;
mod images;
mod job;
mod named;
mod neurons;
mod options;
mod perceptron;
mod records;
mod report;
mod run;
mod say;
mod sequence;
mod vanishing_gradients;

use given::Given;

/// Trains classic and auto-rotating networks side by side, and writes reports and figures.
#[derive(clap::Parser, Debug)]
#[command(rename_all = "snake_case")]
enum Study {
    Compare(compare::Options),
    VanishingGradients(vanishing_gradients::Options),
    Images(images::Options),
    Calibrate(calibrate::Options),
    Sequence(sequence::Options),
    Battery(battery::Options),
    Depth(depth::Options),
}

fn main() {
    env_logger::init();
    let (study, given) = Given::parse();
    let ended = job::join().and_then(|()| match &study {
        Study::Compare(options) => compare::run(options, &given),
        Study::VanishingGradients(options) => vanishing_gradients::run(options, &given),
        Study::Images(options) => images::run(options, &given),
        Study::Calibrate(options) => calibrate::run(options, &given),
        Study::Sequence(options) => sequence::run(options, &given),
        Study::Battery(options) => battery::run(options, &given),
        Study::Depth(options) => depth::run(options, &given),
    });
    if let Err(error) = ended {
        say::fail(error);
    }
    job::leave();
}
