//! What was written into the parameters since they were copied.

use crate::Real;
use crate::kernel::{BY_FOURS, Family, Grid, Lens, Slices, Trust, each, flat_grid, ports, uniforms, wgsl};

uniforms!(AdoptUniforms { count: u32 });

/// previous = parameters, where their bits differ from those of the copy.
#[derive(Clone, Copy, Debug)]
pub struct Adopt {
    /// The number of parameters.
    pub count: usize,
}

ports! {
    /// The ports of [`Adopt`].
    pub struct AdoptPorts {
        /// The parameters.
        parameters: Read,
        /// The parameters as the last update left them.
        sealed: Read,
        /// The parameters to go back to.
        previous: Update,
    }
}

impl Family for Adopt {
    const NAME: &'static str = "adopt";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["parameters", "sealed", "previous"];
    type Ports = AdoptPorts<Lens>;
    type Uniforms = AdoptUniforms;

    fn lens(&self) -> AdoptPorts<Lens> {
        AdoptPorts { parameters: self.count, sealed: self.count, previous: self.count }
    }

    fn uniforms(&self) -> AdoptUniforms {
        AdoptUniforms { count: self.count as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each(), wgsl!("step/adopt.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.count.div_ceil(4), 64)
    }

    fn by_fours(&self) -> bool {
        self.count.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: AdoptPorts<Slices<'_, T>>) {
        let AdoptPorts { parameters, sealed, previous } = ports;
        for ((previous, &now), &then) in previous.iter_mut().zip(parameters).zip(sealed) {
            if now.wide().to_bits() != then.wide().to_bits() {
                *previous = now;
            }
        }
    }
}
