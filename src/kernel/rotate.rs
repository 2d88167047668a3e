//! ρ from the virtual sample's outputs.

use super::rows::vectorised;
use super::{
    Args, BY_FOURS, Binding, Family, Grid, Trust, UNUSED, constants, each_quad, quad_grid, read, uniforms,
    wgsl, write,
};
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
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["v", "b", "rotation"];
    const BINDINGS: &'static [Binding] = &[read("v"), read("b"), read("lambda"), write("rotation")];
    type Uniforms = RotateUniforms;

    fn lens(&self) -> Vec<usize> {
        let count = self.zones * self.filters;
        let [b, lambda] = parameter_lens(self.filters, self.has_bias, Some(self.rotation));
        vec![count, b, lambda, 2 * count]
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
        vec![rho_shader(self.has_bias, self.rotation), wgsl!("rotate.wgsl"), each_quad()]
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.zones, self.filters)
    }

    fn by_fours(&self) -> bool {
        self.filters.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (v, b, lambda) = (args.read(0), args.read(1), args.read(2));
        let (rho, q) = args.write(3).split_at_mut(v.len());
        q.copy_from_slice(v);
        rotate(&self.rotation, self.has_bias.then_some(b), lambda, self.filters, [rho, q]);
    }
}

/// The lengths of the bindings b and lambda of a kernel that makes ρ.
pub(super) fn parameter_lens(filters: usize, has_bias: bool, rotation: Option<Rotation>) -> [usize; 2] {
    let lambda = match rotation.map(|r| r.learn) {
        None => UNUSED,
        Some(LearnL::PerUnit) => filters,
        Some(_) => 1,
    };
    [if has_bias { filters } else { UNUSED }, lambda]
}

/// The function that makes ρ, and its options.
pub(super) fn rho_shader(has_bias: bool, rotation: Rotation) -> String {
    let options = constants(&[
        ("HAS_BIAS", has_bias),
        ("ALIGNED", rotation.rule == Rule::Aligned),
        ("LEARN_PER_LAYER", rotation.learn == LearnL::PerLayer),
        ("LEARN_PER_UNIT", rotation.learn == LearnL::PerUnit),
    ]);
    options + &wgsl!("lib/rho.wgsl")
}

/// ρ and q of every zone; `q` holds v before.
pub(super) fn rotate<T: Real>(
    rotation: &Rotation,
    b: Option<&[T]>,
    lambda: &[T],
    filters: usize,
    [rho, q]: [&mut [T]; 2],
) {
    let epsilon = T::of(rotation.epsilon.into());
    let limits: Vec<T> = (0..filters).map(|i| rotation.l_of(lambda, i)).collect();
    let zeros = vec![T::zero(); if b.is_none() { filters } else { 0 }];
    let biases = b.unwrap_or(&zeros);
    vectorised(
        #[inline(always)]
        || {
            for (rho, q) in rho.chunks_exact_mut(filters).zip(q.chunks_exact_mut(filters)) {
                for (q, &bias) in q.iter_mut().zip(biases) {
                    *q = match rotation.rule {
                        Rule::Diagonal => *q + bias,
                        Rule::Aligned => (*q + bias * bias).sqrt(),
                    };
                }
                let all = rho.iter_mut().zip(&*q).zip(&limits);
                all.for_each(|((rho, &q), &limit)| *rho = limit / (q.abs() + epsilon));
            }
        },
    );
}
