//! The crate's tests, one program: kernels against their twins, gradients against finite differences, results
//! against Keras, whole trainings, and everything that may go wrong.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod activations;
mod augmentation;
mod bad_input;
mod best_weights;
mod big;
mod broken;
mod buffers;
mod by_hand;
mod checkpoints;
mod class_names;
mod classification;
mod common;
mod convnets;
mod counting;
mod critical;
mod data;
mod defaults;
mod dependencies;
mod detached;
mod doors;
mod drafts;
mod drawn;
mod embed;
mod embeddings;
mod endings;
mod environment;
mod faults;
#[cfg(feature = "plot")]
mod figures;
mod files;
mod folds;
mod frozen;
mod golden;
mod golden_conv;
mod golden_conv_lstm;
mod golden_critical;
mod golden_layers;
mod golden_recurrent;
mod gradients;
mod hostile;
mod jacobians;
mod keras;
#[cfg(feature = "keras")]
mod keras_files;
#[cfg(feature = "keras")]
mod keras_hostile;
mod kernels;
mod layouts;
mod logs;
mod long;
mod masks;
#[cfg(feature = "ndarray")]
mod nd_arrays;
mod nets;
mod odd_idx;
#[cfg(feature = "images")]
mod odd_images;
mod onnx;
mod own_loop;
mod probe;
mod processes;
mod programs;
mod progress;
mod protocol;
mod random_layers;
mod random_nets;
mod ranges;
mod recorded;
mod reports;
mod resume;
mod rooms;
mod rounds;
mod rows;
mod schedules;
mod scores;
mod sequences;
mod shaders;
mod sources;
mod splits;
mod starts;
mod states;
mod steering;
mod tables;
mod tidy;
mod time_reports;
mod traffic;
mod trainer;
mod training;
mod tuning;
mod watching;
mod weight_norm;
mod weighted;
mod weights;
