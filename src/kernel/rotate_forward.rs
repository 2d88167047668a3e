//! q and ρ of every unit of a layer.

use super::{Args, Binding, Family, Grid, Trust, read, uniforms, wgsl, write};
use crate::{LearnL, Real, Rotation, Rule};

uniforms!(RotateForwardUniforms {
    inputs: u32,
    units: u32,
    rule: u32,
    learn: u32,
    has_bias: u32,
    x_q: f32,
    limit: f32,
    epsilon: f32,
});

/// q = f(x_Q) and ρ = L/(|q| + ε) from W `[K, N]`, b `[N]` and λ; `rotation` `[2N]` holds ρ, then q.
#[derive(Clone, Copy, Debug)]
pub struct RotateForward {
    /// K.
    pub inputs: usize,
    /// N.
    pub units: usize,
    /// Whether there is a bias.
    pub has_bias: bool,
    /// Rule, x_Q, L and ε.
    pub rotation: Rotation,
}

/// Rows summed together before they join the whole sum.
const ROWS: usize = 64;

impl RotateForward {
    fn lambdas(&self) -> usize {
        if self.rotation.learn == LearnL::PerUnit { self.units } else { 1 }
    }
}

impl Family for RotateForward {
    const NAME: &'static str = "rotate_forward";
    const TRUST: Trust = Trust::OWN;
    const BINDINGS: &'static [Binding] = &[read("w"), read("b"), read("lambda"), write("rotation")];
    type Uniforms = RotateForwardUniforms;

    fn lens(&self) -> Vec<usize> {
        let bias = if self.has_bias { self.units } else { 1 };
        vec![self.inputs * self.units, bias, self.lambdas(), 2 * self.units]
    }

    fn uniforms(&self) -> RotateForwardUniforms {
        let learn = match self.rotation.learn {
            LearnL::Fixed => 0,
            LearnL::PerLayer => 1,
            LearnL::PerUnit => 2,
        };
        RotateForwardUniforms {
            inputs: self.inputs as u32,
            units: self.units as u32,
            rule: (self.rotation.rule == Rule::Aligned).into(),
            learn,
            has_bias: self.has_bias.into(),
            x_q: self.rotation.x_q,
            limit: self.rotation.limit,
            epsilon: self.rotation.epsilon,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![wgsl!("rotate_forward.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        [self.units.div_ceil(16) as u32, 1, 1]
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (w, b, lambda) = (args.read(0), args.read(1), args.read(2));
        let (rho, q) = args.write(3).split_at_mut(self.units);
        let aligned = self.rotation.rule == Rule::Aligned;
        let x_q = T::of(self.rotation.x_q.into());
        q.fill(T::zero());
        // Sums of a block of rows are summed in turn: a small q is a difference of large numbers.
        let sums = super::rows::map_parts(w, ROWS * self.units, |rows| {
            let mut sums = vec![T::zero(); self.units];
            for row in rows.chunks_exact(self.units) {
                if aligned {
                    sums.iter_mut().zip(row).for_each(|(sum, &w)| *sum = *sum + w * w);
                } else {
                    sums.iter_mut().zip(row).for_each(|(sum, &w)| *sum = *sum + w);
                }
            }
            sums
        });
        for sums in sums {
            q.iter_mut().zip(sums).for_each(|(q, sum)| *q = *q + sum);
        }
        for n in 0..self.units {
            let bias = if self.has_bias { b[n] } else { T::zero() };
            q[n] = if aligned { (x_q * x_q * q[n] + bias * bias).sqrt() } else { x_q * q[n] + bias };
            let limit = match self.rotation.learn {
                LearnL::Fixed => T::of(self.rotation.limit.into()),
                LearnL::PerLayer => lambda[0].exp(),
                LearnL::PerUnit => lambda[n].exp(),
            };
            rho[n] = limit / (q[n].abs() + T::of(self.rotation.epsilon.into()));
        }
    }
}
