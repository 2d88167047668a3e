//! The same number everywhere.

use crate::Real;
use crate::kernel::{Family, Grid, Lens, Slices, Trust, each, flat_grid, ports, uniforms, wgsl};

uniforms!(FillUniforms { count: u32, value: f32 });

/// y = value.
#[derive(Clone, Copy, Debug)]
pub struct Fill {
    /// The number of elements.
    pub count: usize,
    /// The number.
    pub value: f32,
}

ports! {
    /// The ports of [`Fill`].
    pub struct FillPorts {
        /// y.
        y: Write,
    }
}

impl Family for Fill {
    const NAME: &'static str = "fill";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = FillPorts<Lens>;
    type Uniforms = FillUniforms;

    fn lens(&self) -> FillPorts<Lens> {
        FillPorts { y: self.count }
    }

    fn uniforms(&self) -> FillUniforms {
        FillUniforms { count: self.count as u32, value: self.value }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each(), wgsl!("tensor/fill.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.count, 64)
    }

    fn twin<T: Real>(&self, ports: FillPorts<Slices<'_, T>>) {
        ports.y.fill(T::of(self.value.into()));
    }
}
