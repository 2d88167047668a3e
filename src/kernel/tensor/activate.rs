//! y = σ(x).

use crate::kernel::base::rows::map_blocks;
use crate::kernel::{BY_FOURS, Family, Grid, Lens, Slices, Trust, each, flat_grid, ports, uniforms, wgsl};
use crate::{Activation, Real};

uniforms!(ActivateUniforms { count: u32 });

/// y = σ(x).
#[derive(Clone, Copy, Debug)]
pub struct ActivateKernel {
    /// The number of elements.
    pub count: usize,
    /// σ.
    pub activation: Activation,
}

ports! {
    /// The ports of [`ActivateKernel`].
    pub struct ActivatePorts {
        /// x.
        x: Read,
        /// y.
        y: Write,
    }
}

impl Family for ActivateKernel {
    const NAME: &'static str = "activate";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["x", "y"];
    type Ports = ActivatePorts<Lens>;
    type Uniforms = ActivateUniforms;

    fn lens(&self) -> ActivatePorts<Lens> {
        ActivatePorts { x: self.count, y: self.count }
    }

    fn uniforms(&self) -> ActivateUniforms {
        ActivateUniforms { count: self.count as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each(), wgsl!("base/parts/math.wgsl"), self.activation.wgsl(), wgsl!("tensor/activate.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.count.div_ceil(4), 64)
    }

    fn by_fours(&self) -> bool {
        self.count.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: ActivatePorts<Slices<'_, T>>) {
        let ActivatePorts { x, y } = ports;
        map_blocks(
            y,
            BLOCK,
            #[inline(always)]
            |index, y| {
                let first = index * BLOCK;
                y.copy_from_slice(&x[first..][..y.len()]);
                self.activation.apply(y);
            },
        );
    }
}

/// Elements per task of the twin.
const BLOCK: usize = 4096;
