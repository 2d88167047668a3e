//! What a kernel family is, and what plans and executors see of it.

use crate::Real;
use crate::activation::FOREIGN;
use crate::describe::fingerprint;
use crate::kernel::{
    Access, Args, Binding, Element, Grid, Lens, MAX_GROUPS, MAX_ROUNDS, Ports, Slices, Traits, Uniforms,
    accessors,
};
use std::marker::PhantomData;

/// Seals [`Kernel`]: executors rely on what it says, so only families implement it.
mod sealed {
    pub trait Sealed {}
}

impl<F: Family> sealed::Sealed for F {}

/// A kernel ready to be recorded: what plans hold and executors run. Implemented through [`Family`] only.
pub trait Kernel: sealed::Sealed + std::fmt::Debug + Send + Sync {
    /// The base name of the shader, the twin and the test row.
    fn name(&self) -> &'static str;
    /// The buffers, in binding order from binding 1.
    fn bindings(&self) -> &'static [Binding];
    /// The number of elements of each buffer, `None` for one that the kernel's options leave out.
    fn lens(&self) -> Vec<Option<usize>>;
    /// The names of the variants; all compute the same.
    fn variants(&self) -> &'static [&'static str];
    /// Whether a variant can handle these sizes on this kind of adapter.
    fn supports(&self, variant: usize, traits: Traits) -> bool;
    /// Whether the shader may run without the driver's bounds checks.
    fn trusted(&self) -> bool;
    /// The index of the preferred variant on this kind of adapter.
    fn prefer(&self, traits: Traits) -> usize;
    /// The variants that may be fastest on this kind of adapter; timing decides.
    fn candidates(&self, traits: Traits) -> Vec<usize>;
    /// What the choice of a variant depends on: sizes and shader bodies, but no options, since a step that is repeated for a report
    /// must add in the same order.
    fn problem(&self) -> String;
    /// The most rounds (loop iterations) of one invocation of a variant: see [`Family::rounds`].
    fn rounds(&self, variant: usize) -> usize;
    /// The whole WGSL source of a variant, entry point `main`.
    fn source(&self, variant: usize) -> String;
    /// The uniform block's words.
    fn uniforms(&self) -> Vec<u32>;
    /// The dispatch grid of a variant, in workgroups.
    fn grid(&self, variant: usize) -> Grid;
    /// The CPU twin in f32.
    fn run_f32(&self, args: Args<'_, f32>);
    /// The CPU twin in f64.
    fn run_f64(&self, args: Args<'_, f64>);
}

/// Whether a kernel's shader may run without the driver's bounds checks.
#[derive(Debug)]
pub struct Trust<F> {
    trusted: bool,
    /// Ties the value to its family.
    family: PhantomData<fn(F)>,
}

impl<F> Trust<F> {
    /// The driver checks every index: for kernels from outside this crate.
    pub const CHECKED: Self = Self { trusted: false, family: PhantomData };
    /// Whatever the buffers hold, every index is clamped or below the declared length, and every loop ends.
    pub(crate) const OWN: Self = Self { trusted: true, family: PhantomData };

    /// A part of the shader, marked as foreign unless trusted.
    pub(crate) fn part(self, text: String) -> String {
        if self.trusted { text } else { FOREIGN.to_owned() + &text }
    }
}

/// How a family chooses between variants for its sizes.
pub trait Choice {
    /// The sizes, as text that identifies them.
    fn sizes(&self) -> String;
    /// The shader text of all variants: once it changes, earlier timings no longer count.
    fn bodies(&self) -> String;
    /// The most rounds of a variant: see [`Family::rounds`].
    fn rounds(&self, variant: usize) -> usize;
    /// Whether a variant works on this kind of adapter.
    fn supports(&self, variant: usize, traits: Traits) -> bool;
    /// The preferred variant on this kind of adapter, among those that declare vec4s if `by_fours`.
    fn prefer(&self, traits: Traits, by_fours: bool) -> usize;
    /// The variants worth timing, the preferred one first.
    fn candidates(&self, traits: Traits, by_fours: bool) -> Vec<usize>;
}

/// A kernel family: everything that executors need.
pub trait Family: std::fmt::Debug + Send + Sync + Sized {
    /// The base name of the shader, the twin and the test row.
    const NAME: &'static str;
    /// The names of the variants.
    const VARIANTS: &'static [&'static str] = &["base"];
    /// The bindings that the shader accesses four numbers at a time, through `get_…` and `put_…`.
    const QUADS: &'static [&'static str] = &[];
    /// Whether the shader may run without bounds checks.
    const TRUST: Trust<Self> = Trust::CHECKED;
    /// The buffers, in binding order from binding 1: declared with [`ports!`](crate::kernel::ports).
    type Ports: Ports;
    /// The uniform block at binding 0.
    type Uniforms: Uniforms;

    /// The number of elements of each buffer; `None` for one that the options leave out.
    fn lens(&self) -> <Self::Ports as Ports>::Of<Lens>;
    /// The values of the uniform block.
    fn uniforms(&self) -> Self::Uniforms;
    /// The shader's text without the generated declarations: library parts, generated functions, stem.
    fn shader(&self, variant: usize) -> Vec<String>;
    /// The dispatch grid of a variant, in workgroups.
    fn grid(&self, variant: usize) -> Grid;
    /// Whether the sizes allow the bindings of [`Family::QUADS`] to be declared as vec4s, as the variants whose names
    /// end in 4 do.
    fn by_fours(&self) -> bool {
        false
    }
    /// How a variant is chosen by size. A family without a choice takes its second variant, if any, where [`Family::by_fours`]
    /// holds.
    fn choice(&self) -> Option<Box<dyn Choice>> {
        None
    }
    /// The most rounds (loop iterations) of one invocation of a variant, over all loops except those with a fixed number of at most
    /// 64. A kernel whose rounds grow with a size must say so here; a test counts them. Recording refuses more than
    /// [`MAX_ROUNDS`](crate::kernel::MAX_ROUNDS).
    fn rounds(&self, variant: usize) -> usize {
        self.choice().map_or(0, |choice| choice.rounds(variant))
    }
    /// Whether a variant can handle these sizes on this kind of adapter.
    fn supports(&self, variant: usize, traits: Traits) -> bool {
        (self.by_fours() || !by_quads::<Self>(variant))
            && self.choice().is_none_or(|choice| choice.supports(variant, traits))
    }
    /// The preferred variant on this kind of adapter, one that can handle these sizes.
    fn prefer(&self, traits: Traits) -> usize {
        match self.choice() {
            Some(choice) => choice.prefer(traits, self.by_fours()),
            None => usize::from(Self::VARIANTS.len() > 1 && self.by_fours()),
        }
    }
    /// The same computation on the CPU: the fallback and, in f64, the reference.
    fn twin<T: Real>(&self, ports: <Self::Ports as Ports>::Of<Slices<'_, T>>);
}

impl<F: Family> Kernel for F {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn bindings(&self) -> &'static [Binding] {
        F::Ports::BINDINGS
    }

    fn lens(&self) -> Vec<Option<usize>> {
        F::Ports::list(Family::lens(self))
    }

    fn variants(&self) -> &'static [&'static str] {
        F::VARIANTS
    }

    fn supports(&self, variant: usize, traits: Traits) -> bool {
        Family::supports(self, variant, traits)
            && Family::rounds(self, variant) <= MAX_ROUNDS
            && Family::grid(self, variant).iter().all(|&groups| groups <= MAX_GROUPS)
    }

    fn trusted(&self) -> bool {
        F::TRUST.trusted && !self.source(0).contains(FOREIGN)
    }

    fn prefer(&self, traits: Traits) -> usize {
        let first = Family::prefer(self, traits);
        let others = (0..F::VARIANTS.len()).rev();
        std::iter::once(first).chain(others).find(|&v| Kernel::supports(self, v, traits)).unwrap_or(first)
    }

    fn candidates(&self, traits: Traits) -> Vec<usize> {
        match self.choice() {
            Some(choice) => {
                let first = Kernel::prefer(self, traits);
                let others = choice.candidates(traits, self.by_fours()).into_iter();
                let others = others.filter(|&v| v != first && Kernel::supports(self, v, traits));
                std::iter::once(first).chain(others).collect()
            }
            None => vec![Kernel::prefer(self, traits)],
        }
    }

    fn problem(&self) -> String {
        self.choice().map_or_else(
            || F::NAME.to_owned(),
            |choice| format!("{} {} {:016x}", F::NAME, choice.sizes(), fingerprint(&choice.bodies())),
        )
    }

    fn rounds(&self, variant: usize) -> usize {
        Family::rounds(self, variant)
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
        for (i, binding) in F::Ports::BINDINGS.iter().enumerate() {
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
            let unit = if by_quads { 4 } else { 1 };
            source += &format!("\nconst QUADS: bool = {by_quads};\nconst UNIT: u32 = {unit}u;\n");
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
        self.twin(F::Ports::slices(args));
    }

    fn run_f64(&self, args: Args<'_, f64>) {
        self.twin(F::Ports::slices(args));
    }
}

/// A number type that twins compute in.
pub trait Twin: Real {
    /// Runs the kernel's twin in this type.
    fn run(kernel: &dyn Kernel, args: Args<'_, Self>);
}

impl Twin for f32 {
    fn run(kernel: &dyn Kernel, args: Args<'_, Self>) {
        kernel.run_f32(args);
    }
}

impl Twin for f64 {
    fn run(kernel: &dyn Kernel, args: Args<'_, Self>) {
        kernel.run_f64(args);
    }
}

/// Whether a variant of a family declares vec4s.
pub(crate) fn by_quads<F: Family>(variant: usize) -> bool {
    F::VARIANTS[variant].ends_with('4')
}
