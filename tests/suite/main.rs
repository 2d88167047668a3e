//! The crate's tests, one program: kernels against their twins, gradients against finite differences, results
//! against Keras, whole trainings, and everything that may go wrong.

mod common;
mod golden;
mod gradients;
mod kernels;
