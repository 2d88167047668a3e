//! What has been written into parameters since a copy of them was made.

use super::{Args, BY_FOURS, Binding, Family, Grid, Trust, flat_grid, read, uniforms, update, wgsl};
use crate::Real;

uniforms!(AdoptUniforms { count: u32 });

/// previous = parameters, where those have not the same bits as in their copy.
#[derive(Clone, Copy, Debug)]
pub struct Adopt {
    /// The number of parameters.
    pub count: usize,
}

impl Family for Adopt {
    const NAME: &'static str = "adopt";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["parameters", "sealed", "previous"];
    const BINDINGS: &'static [Binding] = &[read("parameters"), read("sealed"), update("previous")];
    type Uniforms = AdoptUniforms;

    fn lens(&self) -> Vec<usize> {
        vec![self.count; 3]
    }

    fn uniforms(&self) -> AdoptUniforms {
        AdoptUniforms { count: self.count as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![wgsl!("lib/index.wgsl"), wgsl!("adopt.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.count.div_ceil(4), 64)
    }

    fn by_fours(&self) -> bool {
        self.count.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (parameters, sealed) = (args.read(0), args.read(1));
        for ((previous, &now), &then) in args.write(2).iter_mut().zip(parameters).zip(sealed) {
            if now.wide().to_bits() != then.wide().to_bits() {
                *previous = now;
            }
        }
    }
}
