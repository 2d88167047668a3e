//! Normalisation by channel or by group, forward.

use crate::Real;
use crate::kernel::base::rows::{Cycle, map_blocks, round};
use crate::kernel::norm::norm_backward::{inverses, quads, sizes};
use crate::kernel::norm::norm_statistics::{Groups, accessors};
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, constants, each_quad, ports, quad_grid, uniforms, wgsl,
};

uniforms!(NormForwardUniforms {
    rows: u32,
    channels: u32,
    positions: u32,
    parts: u32,
    width: u32,
    epsilon: f32
});

/// y = γ ⊙ (x − mean)/√(variance + ε) + β. x and y are `[R, C]`, γ and β `[C]`; mean and variance are those of the channels `[C]`, or of
/// groups, such as the rows `[R]`.
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
    /// The groups whose mean and variance these are; `None` for the channels'.
    pub groups: Option<Groups>,
}

ports! {
    /// The ports of [`NormForward`].
    pub struct NormForwardPorts {
        /// x.
        x: Read,
        /// The mean of each channel or group.
        mean: Read,
        /// The variance of each channel or group.
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
        let statistics = self.groups.map_or(c, |groups| groups.count(self.rows));
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
        let [rows, channels, positions, parts, width] = sizes(self.rows, self.channels, self.groups);
        NormForwardUniforms { rows, channels, positions, parts, width, epsilon: self.epsilon }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let options = constants(&[("SCALE", self.scale), ("CENTER", self.center)]);
        let statistics = accessors(self.groups, &["mean", "variance"]);
        vec![each_quad(), options, statistics, wgsl!("norm/norm_forward.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.rows, self.channels)
    }

    fn by_fours(&self) -> bool {
        quads(self.rows, self.channels, self.groups)
    }

    fn twin<T: Real>(&self, ports: NormForwardPorts<Slices<'_, T>>) {
        let NormForwardPorts { x, mean, variance, gamma, beta, y } = ports;
        let [gamma, beta] = [gamma, beta].map(Option::unwrap_or_default);
        let c = self.channels;
        // y = (x − mean)·factor + β.
        let mut factor = inverses(variance, self.epsilon);
        if let Some(groups) = self.groups {
            map_blocks(
                y,
                ROWS * c,
                #[inline(always)]
                |index, y| {
                    let (first, width) = (index * ROWS, groups.width(c));
                    let rows = y.chunks_exact_mut(c).zip(x[first * c..].chunks_exact(c));
                    for (row, (y, x)) in rows.enumerate() {
                        let parts = y.chunks_exact_mut(width).zip(x.chunks_exact(width));
                        for ((y, x), own) in parts.zip(groups.of_row(first + row)) {
                            let (mean, factor) = (mean[own], factor[own]);
                            y.iter_mut().zip(x).for_each(|(y, &x)| *y = (x - mean) * factor);
                        }
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
