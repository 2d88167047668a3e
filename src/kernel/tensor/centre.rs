//! y = factor·(x − centre).

use crate::Real;
use crate::kernel::base::rows::map_blocks;
use crate::kernel::{BY_FOURS, Family, Grid, Lens, Slices, Trust, each, flat_grid, ports, uniforms, wgsl};

uniforms!(CentreUniforms { count: u32, centre: f32, factor: f32 });

/// y = factor·(x − centre).
#[derive(Clone, Copy, Debug)]
pub struct Centre {
    /// The number of elements.
    pub count: usize,
    /// What is subtracted.
    pub centre: f32,
    /// By what the difference is multiplied.
    pub factor: f32,
}

ports! {
    /// The ports of [`Centre`].
    pub struct CentrePorts {
        /// x.
        x: Read,
        /// y.
        y: Write,
    }
}

impl Family for Centre {
    const NAME: &'static str = "centre";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["x", "y"];
    type Ports = CentrePorts<Lens>;
    type Uniforms = CentreUniforms;

    fn lens(&self) -> CentrePorts<Lens> {
        CentrePorts { x: self.count, y: self.count }
    }

    fn uniforms(&self) -> CentreUniforms {
        CentreUniforms { count: self.count as u32, centre: self.centre, factor: self.factor }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each(), wgsl!("tensor/centre.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.count.div_ceil(4), 64)
    }

    fn by_fours(&self) -> bool {
        self.count.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: CentrePorts<Slices<'_, T>>) {
        let CentrePorts { x, y } = ports;
        let (centre, factor) = (T::of(self.centre.into()), T::of(self.factor.into()));
        map_blocks(
            y,
            BLOCK,
            #[inline(always)]
            |index, y| {
                let x = &x[index * BLOCK..][..y.len()];
                y.iter_mut().zip(x).for_each(|(y, &x)| *y = factor * (x - centre));
            },
        );
    }
}

/// Elements per task of the twin.
const BLOCK: usize = 4096;
