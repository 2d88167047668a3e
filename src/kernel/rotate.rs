//! ρ from the virtual sample's outputs.

use super::rows::vectorised;
use super::{Args, Binding, Family, Grid, Trust, UNUSED, constants, flat_grid, read, uniforms, wgsl, write};
use crate::{LearnL, Real, Rotation, Rule};

uniforms!(RotateUniforms { zones: u32, filters: u32, limit: f32, epsilon: f32 });

/// q and ρ = L/(|q| + ε). By the diagonal rule q = v + bias, v being the linear map of the virtual sample; by the aligned one
/// q = √(v + bias²), v being x_Q²·Σw². v is `[zones, filters]`; `rotation` `[2·zones·filters]` takes ρ, then q.
#[derive(Clone, Copy, Debug)]
pub struct Rotate {
    /// The zones that have a ρ of their own.
    pub zones: usize,
    /// The filters.
    pub filters: usize,
    /// Whether there is a bias.
    pub has_bias: bool,
    /// The rotation.
    pub rotation: Rotation,
}

impl Family for Rotate {
    const NAME: &'static str = "rotate";
    const TRUST: Trust<Self> = Trust::OWN;
    const BINDINGS: &'static [Binding] = &[read("v"), read("b"), read("lambda"), write("rotation")];
    type Uniforms = RotateUniforms;

    fn lens(&self) -> Vec<usize> {
        let count = self.zones * self.filters;
        let lambda = if self.rotation.learn == LearnL::PerUnit { self.filters } else { 1 };
        vec![count, if self.has_bias { self.filters } else { UNUSED }, lambda, 2 * count]
    }

    fn uniforms(&self) -> RotateUniforms {
        RotateUniforms {
            zones: self.zones as u32,
            filters: self.filters as u32,
            limit: self.rotation.limit,
            epsilon: self.rotation.epsilon,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let options = constants(&[
            ("HAS_BIAS", self.has_bias),
            ("ALIGNED", self.rotation.rule == Rule::Aligned),
            ("LEARN_PER_LAYER", self.rotation.learn == LearnL::PerLayer),
            ("LEARN_PER_UNIT", self.rotation.learn == LearnL::PerUnit),
        ]);
        vec![wgsl!("lib/index.wgsl"), options, wgsl!("rotate.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.zones * self.filters, 64)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (v, b, lambda) = (args.read(0), args.read(1), args.read(2));
        let (rho, q) = args.write(3).split_at_mut(v.len());
        let n = self.filters;
        let epsilon = T::of(self.rotation.epsilon.into());
        let limits: Vec<T> = (0..n).map(|i| self.rotation.l_of(lambda, i)).collect();
        let biases: Vec<T> = if self.has_bias { b.to_vec() } else { vec![T::zero(); n] };
        let lines = rho.chunks_exact_mut(n).zip(q.chunks_exact_mut(n)).zip(v.chunks_exact(n));
        vectorised(
            #[inline(always)]
            || {
                for ((rho, q), v) in lines {
                    for ((q, &v), &bias) in q.iter_mut().zip(v).zip(&biases) {
                        *q = match self.rotation.rule {
                            Rule::Diagonal => v + bias,
                            Rule::Aligned => (v + bias * bias).sqrt(),
                        };
                    }
                    let all = rho.iter_mut().zip(&*q).zip(&limits);
                    all.for_each(|((rho, &q), &limit)| *rho = limit / (q.abs() + epsilon));
                }
            },
        );
    }
}
