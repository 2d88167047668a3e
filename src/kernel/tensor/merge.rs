//! Merging two matrices, and the gradients.

use crate::Real;
use crate::kernel::base::rows::map_blocks;
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, constants, each_quad, ports, quad_grid, uniforms, wgsl,
};

uniforms!(MergeUniforms { rows: u32, features: u32, second: u32 });

/// How the outputs of two layers become one (Keras' `merge_mode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MergeMode {
    /// Side by side: the features of both.
    #[default]
    Concat,
    /// a + b.
    Sum,
    /// a ⊙ b.
    Mul,
    /// (a + b)/2.
    Ave,
}

/// Merges a `[rows, F]` and b `[rows, G]` into y: `[rows, F + G]` if concatenated, else `[rows, F]`, with G = F.
#[derive(Clone, Copy, Debug)]
pub struct Merge {
    /// How they are merged.
    pub mode: MergeMode,
    /// The number of rows.
    pub rows: usize,
    /// F.
    pub features: usize,
    /// G if they are concatenated; nothing looks at it otherwise.
    pub second: usize,
}

/// da and db from dy.
#[derive(Clone, Copy, Debug)]
pub struct MergeBackward(
    /// The merge.
    pub Merge,
);

impl Merge {
    fn concatenates(&self) -> bool {
        self.mode == MergeMode::Concat
    }

    /// G.
    fn second(&self) -> usize {
        if self.concatenates() { self.second } else { self.features }
    }

    /// The features of y.
    fn merged(&self) -> usize {
        if self.concatenates() { self.features + self.second } else { self.features }
    }

    /// The lengths of a, b and y.
    fn all_lens(&self) -> [usize; 3] {
        [self.features, self.second(), self.merged()].map(|features| self.rows * features)
    }

    fn uniforms(&self) -> MergeUniforms {
        let [rows, features, second] = [self.rows, self.features, self.second()].map(|n| n as u32);
        MergeUniforms { rows, features, second }
    }

    fn grid(&self) -> Grid {
        quad_grid(self.rows, self.features.max(self.second()))
    }

    fn by_fours(&self) -> bool {
        self.features.is_multiple_of(4) && self.second().is_multiple_of(4)
    }

    fn parts(&self, stem: String) -> Vec<String> {
        let options = constants(&[
            ("CONCAT", self.concatenates()),
            ("AVERAGE", self.mode == MergeMode::Ave),
            ("PRODUCT", self.mode == MergeMode::Mul),
        ]);
        vec![each_quad(), options, stem]
    }
}

ports! {
    /// The ports of [`Merge`].
    pub struct MergePorts {
        /// The first matrix.
        a: Read,
        /// The second matrix.
        b: Read,
        /// y.
        y: Write,
    }
}

impl Family for Merge {
    const NAME: &'static str = "merge";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["a", "b", "y"];
    type Ports = MergePorts<Lens>;
    type Uniforms = MergeUniforms;

    fn lens(&self) -> MergePorts<Lens> {
        let [a, b, y] = self.all_lens();
        MergePorts { a, b, y }
    }

    fn uniforms(&self) -> MergeUniforms {
        self.uniforms()
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        self.parts(wgsl!("tensor/merge.wgsl"))
    }

    fn grid(&self, _variant: usize) -> Grid {
        self.grid()
    }

    fn by_fours(&self) -> bool {
        self.by_fours()
    }

    fn twin<T: Real>(&self, ports: MergePorts<Slices<'_, T>>) {
        let MergePorts { a, b, y } = ports;
        match self.mode {
            MergeMode::Concat => {
                let lines = a.chunks_exact(self.features).zip(b.chunks_exact(self.second));
                for (y, (a, b)) in y.chunks_exact_mut(self.merged()).zip(lines) {
                    let (left, right) = y.split_at_mut(self.features);
                    left.copy_from_slice(a);
                    right.copy_from_slice(b);
                }
            }
            MergeMode::Mul => map_pairs(
                y,
                [a, b],
                #[inline(always)]
                |a, b| a * b,
            ),
            MergeMode::Sum => map_pairs(
                y,
                [a, b],
                #[inline(always)]
                |a, b| a + b,
            ),
            MergeMode::Ave => map_pairs(
                y,
                [a, b],
                #[inline(always)]
                |a, b| T::of(0.5) * (a + b),
            ),
        }
    }
}

/// Computes y number by number.
fn map_pairs<T: Real>(y: &mut [T], [a, b]: [&[T]; 2], value: impl Fn(T, T) -> T + Sync) {
    map_blocks(
        y,
        BLOCK,
        #[inline(always)]
        |index, y| {
            let first = index * BLOCK;
            y.iter_mut().zip(&a[first..]).zip(&b[first..]).for_each(|((y, &a), &b)| *y = value(a, b));
        },
    );
}

/// Elements per task of the twin.
const BLOCK: usize = 4096;

ports! {
    /// The ports of [`MergeBackward`].
    pub struct MergeBackwardPorts {
        /// ∂ℓ/∂y.
        d_y: Read,
        /// The first matrix, where it is a factor.
        a: Option<Read>,
        /// The second matrix, where it is a factor.
        b: Option<Read>,
        /// ∂ℓ/∂a.
        d_a: Write,
        /// ∂ℓ/∂b.
        d_b: Write,
    }
}

impl Family for MergeBackward {
    const NAME: &'static str = "merge_backward";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["d_y", "a", "b", "d_a", "d_b"];
    type Ports = MergeBackwardPorts<Lens>;
    type Uniforms = MergeUniforms;

    fn lens(&self) -> MergeBackwardPorts<Lens> {
        let [d_a, d_b, d_y] = self.0.all_lens();
        let factor = |len| (self.0.mode == MergeMode::Mul).then_some(len);
        MergeBackwardPorts { d_y, a: factor(d_a), b: factor(d_b), d_a, d_b }
    }

    fn uniforms(&self) -> MergeUniforms {
        self.0.uniforms()
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        self.0.parts(wgsl!("tensor/merge_backward.wgsl"))
    }

    fn grid(&self, _variant: usize) -> Grid {
        self.0.grid()
    }

    fn by_fours(&self) -> bool {
        self.0.by_fours()
    }

    fn twin<T: Real>(&self, ports: MergeBackwardPorts<Slices<'_, T>>) {
        let MergeBackwardPorts { d_y, a, b, d_a, d_b } = ports;
        let [a, b] = [a, b].map(Option::unwrap_or_default);
        let times = |out: &mut [T], other: &[T]| {
            out.iter_mut().zip(d_y).zip(other).for_each(|((out, &d), &other)| *out = d * other);
        };
        match self.0.mode {
            MergeMode::Concat => {
                let Merge { features, second, .. } = self.0;
                let lines = d_a.chunks_exact_mut(features).zip(d_b.chunks_exact_mut(second));
                for ((d_a, d_b), d_y) in lines.zip(d_y.chunks_exact(features + second)) {
                    d_a.copy_from_slice(&d_y[..features]);
                    d_b.copy_from_slice(&d_y[features..]);
                }
            }
            MergeMode::Mul => {
                times(d_a, b);
                times(d_b, a);
            }
            MergeMode::Sum | MergeMode::Ave => {
                let share = T::of(if self.0.mode == MergeMode::Ave { 0.5 } else { 1.0 });
                d_a.iter_mut().zip(d_y).for_each(|(out, &d)| *out = share * d);
                d_b.copy_from_slice(d_a);
            }
        }
    }
}
