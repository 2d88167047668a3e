//! The kernels: one file a family, each with its description (bindings, sizes, grid), its WGSL and its
//! CPU twin. [`registry`] is the only list of them.
//!
//! A family is a struct that holds one use's sizes and options. Its bindings and uniform block are
//! declared once, in Rust; the WGSL declarations are generated from them and put before the shader.

mod accessors;
mod accumulate;
mod activate;
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
mod window_sum;
mod zones;

pub use accumulate::{Accumulate, rates};
pub use activate::Activate;
pub use advance::{Advance, clock};
pub use args::{Args, MAX_BINDINGS, Slot};
pub use conv::{Conv, Ending};
pub use conv_backward_weight::{ConvBackwardWeight, splits};
pub use copy_rows::{CopyRows, Rows};
pub use dense_backward_input::DenseBackwardInput;
pub use dense_backward_weight::DenseBackwardWeight;
pub use dense_forward::DenseForward;
pub use depthwise::Depthwise;
pub use depthwise_backward_weight::DepthwiseBackwardWeight;
pub use dropout::Dropout;
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
pub use recurrent::{RecurrentStep, Stage, state_part};
pub use recurrent_backward::RecurrentBackward;
pub use recurrent_forward::RecurrentForward;
pub use rotate::Rotate;
pub use rotate_backward::{RotateBackward, chunks};
pub use rotate_sums::RotateSums;
pub use running_average::RunningAverage;
pub use score::{Score, ScoreKind};
pub use softmax_loss::SoftmaxLoss;
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
pub use window_sum::WindowSum;
pub use zones::Zones;

pub use crate::shape::Geometry;

use crate::Real;
use crate::initializer::stream;
use std::marker::PhantomData;
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

/// Whether a variant of a family declares vec4s.
fn by_quads<F: Family>(variant: usize) -> bool {
    F::VARIANTS[variant].ends_with('4')
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

/// How many workgroups a dispatch has in each dimension.
pub type Grid = [u32; 3];

/// The most workgroups that WebGPU promises in one dimension of a grid.
const MAX_GROUPS: u32 = 65_535;

/// Enough groups of `size` invocations for `count` elements, folded over two dimensions where one
/// does not hold them (the shader's side is `flat_index`).
pub(crate) fn flat_grid(count: usize, size: usize) -> Grid {
    let groups = count.div_ceil(size).max(1) as u32;
    let rows = groups.div_ceil(MAX_GROUPS);
    [groups.div_ceil(rows), rows, 1]
}

/// What keeps [`Kernel`] to families: executors rely on what it says.
mod sealed {
    pub trait Sealed {}
}

impl<F: Family> sealed::Sealed for F {}

/// A kernel ready to be recorded: what plans hold and executors run. Implemented by [`Family`] alone.
pub trait Kernel: sealed::Sealed + std::fmt::Debug + Send + Sync {
    /// The stem that names the shader, the twin and the test row.
    fn name(&self) -> &'static str;
    /// The buffers, in binding order from binding 1.
    fn bindings(&self) -> &'static [Binding];
    /// The number of elements of each buffer.
    fn lens(&self) -> Vec<usize>;
    /// The names of the variants; all compute the same.
    fn variants(&self) -> &'static [&'static str];
    /// Whether a variant can do these sizes on such an adapter.
    fn supports(&self, variant: usize, traits: Traits) -> bool;
    /// Whether the shader may run without the driver's checks of every index.
    fn trusted(&self) -> bool;
    /// The index of the variant for such an adapter.
    fn prefer(&self, traits: Traits) -> usize;
    /// The variants that may be fastest on such an adapter; timing tells which.
    fn candidates(&self, traits: Traits) -> Vec<usize>;
    /// What the choice between variants depends on: sizes, and the bodies of the shaders, but no option, since a step that is
    /// repeated for a report must add in the same order.
    fn problem(&self) -> String;
    /// The whole WGSL source of a variant, entry point `main`.
    fn source(&self, variant: usize) -> String;
    /// The uniform block's words.
    fn uniforms(&self) -> Vec<u32>;
    /// The workgroups of a variant.
    fn grid(&self, variant: usize) -> Grid;
    /// The CPU twin in f32.
    fn run_f32(&self, args: Args<'_, f32>);
    /// The CPU twin in f64.
    fn run_f64(&self, args: Args<'_, f64>);
}

/// Whether a kernel's shader may run without the driver's checks of every index.
#[derive(Debug)]
pub struct Trust<F> {
    trusted: bool,
    /// The family that it is for: no other can take it over.
    family: PhantomData<fn(F)>,
}

impl<F> Trust<F> {
    /// The driver checks every index: for kernels made outside of this crate.
    pub const CHECKED: Self = Self { trusted: false, family: PhantomData };
    /// Every index is below the length that the kernel declares, or clamped, whatever the buffers hold; and every
    /// loop ends.
    pub(crate) const OWN: Self = Self { trusted: true, family: PhantomData };
}

/// One kernel family: implement this, and the executors have all they need.
pub trait Family: std::fmt::Debug + Send + Sync + Sized {
    /// The stem that names the shader, the twin and the test row.
    const NAME: &'static str;
    /// The buffers, in binding order from binding 1.
    const BINDINGS: &'static [Binding];
    /// The names of the variants.
    const VARIANTS: &'static [&'static str] = &["base"];
    /// The bindings that the shader reaches four numbers at a time, through the functions `get_…` and `put_…`.
    const QUADS: &'static [&'static str] = &[];
    /// Whether the shader may run unchecked.
    const TRUST: Trust<Self> = Trust::CHECKED;
    /// The uniform block at binding 0.
    type Uniforms: Uniforms;

    /// The number of elements of each buffer.
    fn lens(&self) -> Vec<usize>;
    /// The uniform block of this use.
    fn uniforms(&self) -> Self::Uniforms;
    /// The shader's text without the generated declarations: library parts, generated functions, stem.
    fn shader(&self, variant: usize) -> Vec<String>;
    /// The workgroups of a variant.
    fn grid(&self, variant: usize) -> Grid;
    /// Whether the sizes allow the bindings of [`Family::QUADS`] to be declared as vec4s, as the variants whose names
    /// end in 4 do.
    fn by_fours(&self) -> bool {
        false
    }
    /// The size of a matrix product, whose variants are those of `product.rs`.
    fn product(&self) -> Option<product::Size> {
        None
    }
    /// Whether a variant can do these sizes on such an adapter.
    fn supports(&self, variant: usize, traits: Traits) -> bool {
        (self.by_fours() || !by_quads::<Self>(variant))
            && (self.product().is_none() || product::supports(variant, traits))
    }
    /// The variant for such an adapter, one that can do these sizes.
    fn prefer(&self, traits: Traits) -> usize {
        match self.product() {
            Some(size) => product::prefer(traits, self.by_fours(), size),
            None => usize::from(Self::VARIANTS.len() > 1 && self.by_fours()),
        }
    }
    /// The same computation on the CPU: the fallback, and the oracle in f64.
    fn twin<T: Real>(&self, args: Args<'_, T>);
}

impl<F: Family> Kernel for F {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn bindings(&self) -> &'static [Binding] {
        F::BINDINGS
    }

    fn lens(&self) -> Vec<usize> {
        Family::lens(self)
    }

    fn variants(&self) -> &'static [&'static str] {
        F::VARIANTS
    }

    fn supports(&self, variant: usize, traits: Traits) -> bool {
        Family::supports(self, variant, traits)
    }

    fn trusted(&self) -> bool {
        F::TRUST.trusted
    }

    fn prefer(&self, traits: Traits) -> usize {
        Family::prefer(self, traits)
    }

    fn candidates(&self, traits: Traits) -> Vec<usize> {
        match self.product() {
            Some(size) => product::candidates(traits, self.by_fours(), size),
            None => vec![Family::prefer(self, traits)],
        }
    }

    fn problem(&self) -> String {
        let size = self.product().map_or(String::new(), |size| size.to_string());
        format!("{} {size} {:016x}", F::NAME, stream(&product::bodies()))
    }

    fn source(&self, variant: usize) -> String {
        let by_quads = by_quads::<F>(variant);
        let mut source = format!(
            "// {} ({})\n\n{}@group(0) @binding(0) var<uniform> u: Uniforms;\n",
            F::NAME,
            F::VARIANTS[variant],
            F::Uniforms::wgsl()
        );
        let mut accessors = String::new();
        for (i, binding) in F::BINDINGS.iter().enumerate() {
            let access = if binding.access == Access::Read { "read" } else { "read_write" };
            let quads = F::QUADS.contains(&binding.name);
            let element = match binding.element {
                Element::Float if quads && by_quads => "vec4<f32>",
                Element::Float => "f32",
                Element::Index => "u32",
            };
            let name = binding.name;
            source +=
                &format!("@group(0) @binding({}) var<storage, {access}> {name}: array<{element}>;\n", i + 1);
            if quads {
                accessors += &accessors::of(binding, by_quads);
            }
        }
        if !F::QUADS.is_empty() {
            source += &format!("\nconst QUADS: bool = {by_quads};\n");
        }
        source += &accessors;
        for part in self.shader(variant) {
            source += "\n";
            source += &part;
        }
        source
    }

    fn uniforms(&self) -> Vec<u32> {
        Family::uniforms(self).words()
    }

    fn grid(&self, variant: usize) -> Grid {
        Family::grid(self, variant)
    }

    fn run_f32(&self, args: Args<'_, f32>) {
        self.twin(args);
    }

    fn run_f64(&self, args: Args<'_, f64>) {
        self.twin(args);
    }
}

/// A shader file or a library part of the `shaders` folder.
macro_rules! wgsl {
    ($file:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $file)).to_string()
    };
}
pub(crate) use wgsl;
