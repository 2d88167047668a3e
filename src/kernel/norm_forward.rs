//! Batch normalisation, forward.

use super::norm_backward::inverses;
use super::rows::{Cycle, map_blocks, round};
use super::{
    Args, BY_FOURS, Binding, Family, Grid, Trust, UNUSED, constants, each_quad, quad_grid, read, uniforms,
    wgsl, write,
};
use crate::Real;

uniforms!(NormForwardUniforms { rows: u32, channels: u32, epsilon: f32 });

/// y = γ ⊙ (x − mean)/√(variance + ε) + β by channel. x and y are `[R, C]`, the others `[C]`.
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
}

impl Family for NormForward {
    const NAME: &'static str = "norm_forward";
    const TRUST: Trust<Self> = Trust::OWN;
    const BINDINGS: &'static [Binding] =
        &[read("x"), read("mean"), read("variance"), read("gamma"), read("beta"), write("y")];
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["x", "mean", "variance", "gamma", "beta", "y"];
    type Uniforms = NormForwardUniforms;

    fn lens(&self) -> Vec<usize> {
        let (all, c) = (self.rows * self.channels, self.channels);
        let used = |used: bool| if used { c } else { UNUSED };
        vec![all, c, c, used(self.scale), used(self.center), all]
    }

    fn uniforms(&self) -> NormForwardUniforms {
        NormForwardUniforms { rows: self.rows as u32, channels: self.channels as u32, epsilon: self.epsilon }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let options = constants(&[("SCALE", self.scale), ("CENTER", self.center)]);
        vec![each_quad(), options, wgsl!("norm_forward.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.rows, self.channels)
    }

    fn by_fours(&self) -> bool {
        self.channels.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (x, mean, variance) = (args.read(0), args.read(1), args.read(2));
        let (gamma, beta, c) = (args.read(3), args.read(4), self.channels);
        // y = x·factor + rest.
        let mut factor = inverses(variance, self.epsilon);
        if self.scale {
            factor.iter_mut().zip(gamma).for_each(|(factor, &gamma)| *factor = *factor * gamma);
        }
        let [mean, factor] = [mean, &factor].map(Cycle::new);
        let beta = self.center.then(|| Cycle::new(beta));
        map_blocks(
            args.write(5),
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

/// Rows that one task of the twin takes.
const ROWS: usize = 64;
