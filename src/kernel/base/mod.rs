//! What every kernel is made of: bindings, the description of a family, uniform blocks, loops over rows.

pub(crate) mod accessors;
pub(crate) mod args;
pub mod clock;
pub(crate) mod family;
pub(crate) mod ports;
pub mod rates;
pub(crate) mod rows;
pub(crate) mod uniforms;

pub use args::{Args, MAX_BINDINGS, Slot};
pub(crate) use family::by_quads;
pub use family::{Choice, Family, Kernel, Trust, Twin};
pub use ports::{Content, Each, Lens, Ports, Slices, port, ports};
pub use uniforms::{Uniforms, Word, uniforms};

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
    /// Writes every element that it is responsible for, without reading it first.
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

/// The variants of kernels that process numbers one by one or in fours.
pub(crate) const BY_FOURS: &[&str] = &["base", "base4"];

/// The alignment of views, in numbers: 256 bytes, WebGPU's alignment of storage buffer offsets.
pub const ALIGNMENT: usize = 64;

/// The length of a binding that a kernel's options leave unused: one vec4.
pub const UNUSED: usize = 4;

/// The entry point of shaders with one invocation per item.
pub(crate) fn each() -> String {
    wgsl!("base/parts/index.wgsl") + "\n" + &wgsl!("base/parts/each.wgsl")
}

/// The entry point of shaders with one invocation per four neighbouring columns of a row.
pub(crate) fn each_quad() -> String {
    wgsl!("base/parts/index.wgsl") + "\n" + &wgsl!("base/parts/each_quad.wgsl")
}

/// The grid of such a shader.
pub(crate) fn quad_grid(rows: usize, columns: usize) -> Grid {
    flat_grid(rows * columns.div_ceil(4), 64)
}

/// The functions that sum over the slices of a workgroup that is `across` quads of columns wide.
pub(crate) fn slices(across: usize) -> String {
    format!("const ACROSS: u32 = {across}u;\n\n") + &wgsl!("base/parts/slices.wgsl")
}

/// Options as WGSL constants, so that what is left out costs nothing.
pub fn constants(options: &[(&str, bool)]) -> String {
    options.iter().map(|(name, on)| format!("const {name}: bool = {on};\n")).collect()
}

/// The properties of an adapter that decide between a kernel's variants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// A software adapter: no fast workgroup memory, a few wide cores, loads that gather number by number.
    pub software: bool,
    /// The subgroup size, where subgroup operations are granted and all subgroups have the same size; else 0.
    pub subgroup: u32,
}

/// The most rounds (loop iterations) of one invocation. More would starve a GPU's other invocations, and Mesa's software driver
/// silently ends an invocation's loops after 65,536. Longer sums are split among invocations and finished in a second pass: see
/// [`Recorder::sum`](crate::plan::Recorder::sum).
pub const MAX_ROUNDS: usize = 4096;

/// The greatest depth of a product that one dispatch sums over: [`MAX_ROUNDS`] rounds of four terms.
pub(crate) const MAX_DEPTH: usize = 4 * MAX_ROUNDS;

/// The workgroups of a dispatch, per dimension.
pub type Grid = [u32; 3];

/// The workgroups per grid dimension that WebGPU guarantees.
pub(crate) const MAX_GROUPS: u32 = 65_535;

/// Enough groups of `size` invocations for `count` elements, folded over two dimensions if one is too small
/// (in shaders: `flat_index`).
pub fn flat_grid(count: usize, size: usize) -> Grid {
    let groups = count.div_ceil(size).max(1) as u32;
    let rows = groups.div_ceil(MAX_GROUPS);
    [groups.div_ceil(rows), rows, 1]
}

/// The text of a file of the `shaders` folder.
macro_rules! shader_text {
    ($file:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $file))
    };
}
pub(crate) use shader_text;

/// A shader file or shared part from the `shaders` folder, to be combined with others.
macro_rules! wgsl {
    ($file:literal) => {
        $crate::kernel::base::shader_text!($file).to_string()
    };
}
pub(crate) use wgsl;
