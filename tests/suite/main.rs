//! The crate's tests, one program: kernels against their twins, gradients against finite differences, results
//! against Keras, whole trainings, and everything that may go wrong.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod bad_input;
mod broken;
mod common;
mod convnets;
mod dependencies;
mod embed;
mod faults;
mod golden;
mod golden_conv;
mod golden_layers;
mod golden_recurrent;
mod gradients;
mod keras;
mod kernels;
mod logs;
mod long;
mod nets;
mod probe;
mod programs;
mod progress;
mod random_nets;
mod resume;
mod rounds;
mod sequences;
mod shaders;
mod states;
mod tables;
mod tidy;
mod time_reports;
mod trainer;
mod training;
mod tuning;
