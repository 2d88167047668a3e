//! ρ from the virtual sample's outputs.

use crate::kernel::base::rows::vectorised;
use crate::kernel::rotation::formula::rho_wgsl;
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, each_quad, ports, quad_grid, uniforms, wgsl,
};
use crate::{Real, Rotation};

uniforms!(RotateUniforms { zones: u32, filters: u32, limit: f32, epsilon: f32 });

/// ρ and q from v, the linear map's output for the virtual sample: x_Q·Σw, or x_Q²·Σw² by the aligned rule. v is
/// `[zones, filters]`; `rotation` `[2·zones·filters]` receives ρ, then q.
#[derive(Clone, Copy, Debug)]
pub struct Rotate {
    /// The number of zones, each with its own ρ.
    pub zones: usize,
    /// The number of filters.
    pub filters: usize,
    /// Whether there is a bias.
    pub has_bias: bool,
    /// The rotation.
    pub rotation: Rotation,
}

ports! {
    /// The ports of [`Rotate`].
    pub struct RotatePorts {
        /// v of each zone.
        v: Read,
        /// b, where there is one.
        b: Option<Read>,
        /// λ, where L is learnt.
        lambda: Option<Read>,
        /// ρ, then q.
        rotation: Write,
    }
}

impl Family for Rotate {
    const NAME: &'static str = "rotate";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["v", "b", "rotation"];
    type Ports = RotatePorts<Lens>;
    type Uniforms = RotateUniforms;

    fn lens(&self) -> RotatePorts<Lens> {
        let count = self.zones * self.filters;
        let [b, lambda] = parameter_lens((self.filters, 1), self.has_bias, Some(self.rotation));
        RotatePorts { v: count, b, lambda, rotation: 2 * count }
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
        vec![rho_wgsl(Some(self.rotation), self.has_bias), wgsl!("rotation/rotate.wgsl"), each_quad()]
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.zones, self.filters)
    }

    fn by_fours(&self) -> bool {
        self.filters.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: RotatePorts<Slices<'_, T>>) {
        let RotatePorts { v, b, lambda, rotation } = ports;
        let [b, lambda] = [b, lambda].map(Option::unwrap_or_default);
        let (rho, q) = rotation.split_at_mut(v.len());
        q.copy_from_slice(v);
        let limits = [self.rotation.limit];
        rotate((self.rotation, &limits), self.has_bias.then_some(b), lambda, self.filters, [rho, q]);
    }
}

/// The lengths of the ports b and lambda of a kernel that computes ρ of filters in so many gates.
pub(super) fn parameter_lens(
    (filters, gates): (usize, usize),
    has_bias: bool,
    rotation: Option<Rotation>,
) -> [Option<usize>; 2] {
    let lambda = rotation.and_then(|rotation| Some(gates * rotation.lambdas(filters / gates)?));
    [has_bias.then_some(filters), lambda]
}

/// Computes ρ and q of every zone; `q` holds v beforehand. The gates' limits are L where it is not learnt.
pub(super) fn rotate<T: Real>(
    (rotation, limits): (Rotation, &[f32]),
    b: Option<&[T]>,
    lambda: &[T],
    filters: usize,
    [rho, q]: [&mut [T]; 2],
) {
    let of_gate = |unit: usize| unit / (filters / limits.len());
    let limit = |unit: usize| rotation.l_of(lambda, (of_gate(unit), unit), limits[of_gate(unit)]);
    let limits: Vec<T> = (0..filters).map(limit).collect();
    let zeros = vec![T::zero(); if b.is_none() { filters } else { 0 }];
    let biases = b.unwrap_or(&zeros);
    vectorised(
        #[inline(always)]
        || {
            for (rho, q) in rho.chunks_exact_mut(filters).zip(q.chunks_exact_mut(filters)) {
                for (((rho, q), &bias), &limit) in rho.iter_mut().zip(q).zip(biases).zip(&limits) {
                    (*rho, *q) = rotation.rho_and_q(*q + rotation.term(bias), limit);
                }
            }
        },
    );
}
