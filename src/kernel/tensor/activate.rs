//! y = σ(a), or of a sum.

use crate::kernel::base::rows::map_blocks;
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, constants, flat_grid, ports, uniforms, wgsl,
};
use crate::{Activation, Real};

uniforms!(ActivateUniforms { count: u32 });

/// y = σ(a), or σ(a + b).
#[derive(Clone, Copy, Debug)]
pub struct ActivateKernel {
    /// The number of elements.
    pub count: usize,
    /// Whether b is added.
    pub sum: bool,
    /// σ.
    pub activation: Activation,
}

ports! {
    /// The ports of [`ActivateKernel`].
    pub struct ActivatePorts {
        /// a.
        a: Read,
        /// b, where it is added.
        b: Option<Read>,
        /// The activation of it.
        y: Write,
    }
}

impl Family for ActivateKernel {
    const NAME: &'static str = "activate";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["a", "b", "y"];
    type Ports = ActivatePorts<Lens>;
    type Uniforms = ActivateUniforms;

    fn lens(&self) -> ActivatePorts<Lens> {
        ActivatePorts { a: self.count, b: (self.sum).then_some(self.count), y: self.count }
    }

    fn uniforms(&self) -> ActivateUniforms {
        ActivateUniforms { count: self.count as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![
            wgsl!("base/parts/index.wgsl"),
            wgsl!("base/parts/math.wgsl"),
            self.activation.wgsl(),
            constants(&[("SUM", self.sum)]),
            wgsl!("tensor/activate.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.count.div_ceil(4), 64)
    }

    fn by_fours(&self) -> bool {
        self.count.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: ActivatePorts<Slices<'_, T>>) {
        let ActivatePorts { a, b, y } = ports;
        let b = b.unwrap_or_default();
        map_blocks(
            y,
            BLOCK,
            #[inline(always)]
            |index, y| {
                let first = index * BLOCK;
                y.copy_from_slice(&a[first..][..y.len()]);
                if self.sum {
                    y.iter_mut().zip(&b[first..]).for_each(|(y, &b)| *y = *y + b);
                }
                self.activation.apply(y);
            },
        );
    }
}

/// Elements that one task of the twin takes.
const BLOCK: usize = 4096;
