//! The kernels: one file a family, each with its description (bindings, sizes, grid), its WGSL and its
//! CPU twin. [`registry`] lists them with examples: tests, benchmarks and translations of shaders go by it. Beside it a kernel has its
//! `mod` and `pub use` here.
//!
//! A family is a struct that holds one use's sizes and options. Its bindings and uniform block are
//! declared once, in Rust; the WGSL declarations are generated from them and put before the shader.

mod accessors;
mod accumulate;
mod activate;
mod adopt;
mod advance;
mod args;
mod conv;
mod conv_backward_weight;
mod copy_rows;
mod dense_backward_input;
mod dense_backward_weight;
mod dense_forward;
mod depthwise;
mod depthwise_backward_weight;
mod dropout;
mod family;
mod fold_rotation;
mod gather;
mod guard;
mod max_pool;
mod merge;
mod norm_backward;
mod norm_forward;
mod norm_statistics;
mod one_hot;
mod optimizer;
mod penalty;
mod pointwise_loss;
mod product;
mod random_window;
mod rank;
mod recurrent;
mod recurrent_backward;
mod recurrent_forward;
pub mod registry;
mod rotate;
mod rotate_backward;
mod rotate_sums;
mod rows;
mod running_average;
mod score;
mod softmax_loss;
mod softmax_parts;
mod spans;
mod step_mask;
mod sum;
mod sum_rows;
mod sum_squares;
mod tally;
mod tap_shares;
mod tap_totals;
mod taps;
mod uniforms;
mod weight_gradient;
mod weighted_squares;
mod window_parts;
mod window_sum;
mod zone_sums;
mod zones;

pub use accumulate::{Accumulate, rates};
pub use activate::Activate;
pub use adopt::Adopt;
pub use advance::{Advance, clock};
pub use args::{Args, MAX_BINDINGS, Slot};
pub use conv::{Conv, Ending, Stretch};
pub use conv_backward_weight::{ConvBackwardWeight, splits};
pub use copy_rows::{CopyRows, Strided};
pub use dense_backward_input::DenseBackwardInput;
pub use dense_backward_weight::DenseBackwardWeight;
pub use dense_forward::DenseForward;
pub use depthwise::Depthwise;
pub use depthwise_backward_weight::DepthwiseBackwardWeight;
pub use dropout::Dropout;
pub(crate) use family::by_quads;
pub use family::{Family, Kernel, Trust};
pub use fold_rotation::{FoldRotation, GateKernels, UnfoldRotation};
pub use gather::Gather;
pub use guard::Guard;
pub use max_pool::{MaxPoolBackward, MaxPoolForward};
pub use merge::{Merge, MergeBackward, MergeMode};
pub use norm_backward::{NormBackward, NormBackwardSums};
pub use norm_forward::NormForward;
pub use norm_statistics::{NormFinish, NormStatistics, norm_chunks};
pub use one_hot::OneHot;
pub use optimizer::{Adam, RmsProp, Sgd};
pub use penalty::Penalty;
pub use pointwise_loss::{PointwiseKind, PointwiseLoss};
pub use random_window::RandomWindow;
pub(crate) use rank::MOST_PLACES;
pub use rank::{Hits, Largest, Rank};
pub use recurrent::{RecurrentStep, Stage, state_part};
pub use recurrent_backward::RecurrentBackward;
pub use recurrent_forward::RecurrentForward;
pub use rotate::Rotate;
pub use rotate_backward::{RotateBackward, chunks};
pub use rotate_sums::RotateSums;
pub use running_average::RunningAverage;
pub use score::{Score, ScoreKind};
pub use softmax_loss::SoftmaxLoss;
pub use softmax_parts::{SoftmaxFinish, SoftmaxGradient, SoftmaxParts};
pub use step_mask::{MaskRows, StepMask};
pub use sum::Sum;
pub use sum_rows::SumRows;
pub use sum_squares::SumSquares;
pub use tally::Tally;
pub use tap_shares::TapShares;
pub use tap_totals::TapTotals;
pub use taps::Taps;
pub use uniforms::Uniforms;
pub use weight_gradient::{Share, WeightGradient};
pub use weighted_squares::WeightedSquares;
pub use window_parts::{MaxPoolGive, Reduction, WindowParts, reach};
pub use window_sum::WindowSum;
pub use zone_sums::ZoneSums;
pub use zones::Zones;

pub use crate::shape::Geometry;

pub(crate) use uniforms::uniforms;

/// What a buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// Numbers: f32 on a GPU, the executor's type on a CPU.
    Float,
    /// Unsigned 32-bit integers.
    Index,
}

/// What a kernel does with a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads only.
    Read,
    /// Writes every element that it is responsible for, reading none before.
    Write,
    /// Reads and writes.
    Update,
}

/// One buffer of a kernel, bound after the uniform block at binding 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The variable's name in WGSL.
    pub name: &'static str,
    /// What the kernel does with it.
    pub access: Access,
    /// What it holds.
    pub element: Element,
}

/// A read-only binding of numbers.
pub(crate) const fn read(name: &'static str) -> Binding {
    Binding { name, access: Access::Read, element: Element::Float }
}

/// A binding of numbers that the kernel writes.
pub(crate) const fn write(name: &'static str) -> Binding {
    Binding { name, access: Access::Write, element: Element::Float }
}

/// A binding of numbers that the kernel reads and writes.
pub(crate) const fn update(name: &'static str) -> Binding {
    Binding { name, access: Access::Update, element: Element::Float }
}

/// A read-only binding of integers.
pub(crate) const fn read_index(name: &'static str) -> Binding {
    Binding { name, access: Access::Read, element: Element::Index }
}

/// A binding of integers that the kernel reads and writes.
pub(crate) const fn update_index(name: &'static str) -> Binding {
    Binding { name, access: Access::Update, element: Element::Index }
}

/// The variants of kernels that go over numbers one by one or four by four.
pub(crate) const BY_FOURS: &[&str] = &["base", "base4"];

/// The length of a binding that a kernel's options leave unused: one vec4.
pub const UNUSED: usize = 4;

/// The entry point of shaders that visit every four neighbouring columns of every row.
pub(crate) fn each_quad() -> String {
    wgsl!("lib/index.wgsl") + "\n" + &wgsl!("lib/each_quad.wgsl")
}

/// The workgroups of such a shader.
pub(crate) fn quad_grid(rows: usize, columns: usize) -> Grid {
    flat_grid(rows * columns.div_ceil(4), 64)
}

/// The functions that sum over the slices of a workgroup with so many quads of columns across.
pub(crate) fn slices(across: usize) -> String {
    format!("const ACROSS: u32 = {across}u;\n\n") + &wgsl!("lib/slices.wgsl")
}

/// Options as WGSL constants: what a use leaves out costs it nothing.
pub(crate) fn constants(options: &[(&str, bool)]) -> String {
    options.iter().map(|(name, on)| format!("const {name}: bool = {on};\n")).collect()
}

/// What of an adapter decides between a kernel's variants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// A software adapter: no fast workgroup memory, a few wide cores, loads that gather number by number.
    pub software: bool,
    /// The invocations of a subgroup, where subgroup operations are granted and all subgroups have one size; else 0.
    pub subgroup: u32,
}

/// The most rounds that the loops of one invocation take together. More starve the other invocations of a GPU, and Mesa's
/// software driver silently ends an invocation's loops after 65,536 rounds. What is longer is divided among invocations and
/// finished in a second pass: see [`Recorder::sum`](crate::plan::Recorder::sum).
pub const MAX_ROUNDS: usize = 4096;

/// The longest depth of a product that one dispatch sums over: [`MAX_ROUNDS`] rounds of four terms.
pub(crate) const MAX_DEPTH: usize = 4 * MAX_ROUNDS;

/// How many workgroups a dispatch has in each dimension.
pub type Grid = [u32; 3];

/// The most workgroups that WebGPU promises in one dimension of a grid.
pub(crate) const MAX_GROUPS: u32 = 65_535;

/// Enough groups of `size` invocations for `count` elements, folded over two dimensions where one
/// does not hold them (the shader's side is `flat_index`).
pub(crate) fn flat_grid(count: usize, size: usize) -> Grid {
    let groups = count.div_ceil(size).max(1) as u32;
    let rows = groups.div_ceil(MAX_GROUPS);
    [groups.div_ceil(rows), rows, 1]
}

/// A shader file or a library part of the `shaders` folder.
macro_rules! wgsl {
    ($file:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $file)).to_string()
    };
}
pub(crate) use wgsl;
