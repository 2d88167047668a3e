//! Normalisation by channel or by row, forward.

use crate::Real;
use crate::kernel::base::rows::{Cycle, map_blocks, round};
use crate::kernel::norm::norm_backward::{inverses, quads};
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, constants, each_quad, ports, quad_grid, uniforms, wgsl,
};

uniforms!(NormForwardUniforms { rows: u32, channels: u32, epsilon: f32 });

/// y = γ ⊙ (x − mean)/√(variance + ε) + β. x and y are `[R, C]`, γ and β `[C]`; mean and variance are those of the channels `[C]`, or of the
/// rows `[R]`.
#[derive(Clone, Copy, Debug)]
pub struct NormForward {
    /// R.
    pub rows: usize,
    /// C.
    pub channels: usize,
    /// ε.
    pub epsilon: f32,
    /// Whether there is a γ.
    pub scale: bool,
    /// Whether there is a β.
    pub center: bool,
    /// Whether mean and variance are those of rows.
    pub by_row: bool,
}

ports! {
    /// The ports of [`NormForward`].
    pub struct NormForwardPorts {
        /// x.
        x: Read,
        /// The mean of each channel or row.
        mean: Read,
        /// The variance of each channel or row.
        variance: Read,
        /// γ, where there is one.
        gamma: Option<Read>,
        /// β, where there is one.
        beta: Option<Read>,
        /// y.
        y: Write,
    }
}

impl Family for NormForward {
    const NAME: &'static str = "norm_forward";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["x", "mean", "variance", "gamma", "beta", "y"];
    type Ports = NormForwardPorts<Lens>;
    type Uniforms = NormForwardUniforms;

    fn lens(&self) -> NormForwardPorts<Lens> {
        let (all, c) = (self.rows * self.channels, self.channels);
        let used = |used: bool| used.then_some(c);
        let statistics = if self.by_row { self.rows } else { c };
        NormForwardPorts {
            x: all,
            mean: statistics,
            variance: statistics,
            gamma: used(self.scale),
            beta: used(self.center),
            y: all,
        }
    }

    fn uniforms(&self) -> NormForwardUniforms {
        NormForwardUniforms { rows: self.rows as u32, channels: self.channels as u32, epsilon: self.epsilon }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let options = constants(&[("SCALE", self.scale), ("CENTER", self.center), ("BY_ROW", self.by_row)]);
        vec![each_quad(), options, wgsl!("norm/parts/of_row.wgsl"), wgsl!("norm/norm_forward.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.rows, self.channels)
    }

    fn by_fours(&self) -> bool {
        quads(self.rows, self.channels, self.by_row)
    }

    fn twin<T: Real>(&self, ports: NormForwardPorts<Slices<'_, T>>) {
        let NormForwardPorts { x, mean, variance, gamma, beta, y } = ports;
        let [gamma, beta] = [gamma, beta].map(Option::unwrap_or_default);
        let c = self.channels;
        // y = (x − mean)·factor + β.
        let mut factor = inverses(variance, self.epsilon);
        if self.by_row {
            map_blocks(
                y,
                ROWS * c,
                #[inline(always)]
                |index, y| {
                    let first = index * ROWS;
                    let statistics = mean[first..].iter().zip(&factor[first..]);
                    let rows = y.chunks_exact_mut(c).zip(x[first * c..].chunks_exact(c));
                    for ((y, x), (&mean, &factor)) in rows.zip(statistics) {
                        y.iter_mut().zip(x).for_each(|(y, &x)| *y = (x - mean) * factor);
                        y.iter_mut().zip(gamma).for_each(|(y, &gamma)| *y = *y * gamma);
                        y.iter_mut().zip(beta).for_each(|(y, &beta)| *y = *y + beta);
                    }
                },
            );
            return;
        }
        if self.scale {
            factor.iter_mut().zip(gamma).for_each(|(factor, &gamma)| *factor = *factor * gamma);
        }
        let [mean, factor] = [mean, &factor].map(Cycle::new);
        let beta = self.center.then(|| Cycle::new(beta));
        map_blocks(
            y,
            ROWS * c,
            #[inline(always)]
            |index, y| {
                let round = round(c);
                for (y, x) in y.chunks_mut(round).zip(x[index * ROWS * c..].chunks(round)) {
                    let lines = mean.from(0).iter().zip(factor.from(0));
                    let scaled = x.iter().zip(lines).map(|(&x, (&mean, &factor))| (x - mean) * factor);
                    y.iter_mut().zip(scaled).for_each(|(y, scaled)| *y = scaled);
                    if let Some(beta) = &beta {
                        y.iter_mut().zip(beta.from(0)).for_each(|(y, &beta)| *y = *y + beta);
                    }
                }
            },
        );
    }
}

/// Rows per task of the twin.
const ROWS: usize = 64;
