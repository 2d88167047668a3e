//! The sum of a short vector.

use super::{Args, Binding, Family, Grid, Trust, read, uniforms, wgsl, write};
use crate::Real;

uniforms!(SumUniforms { count: u32 });

/// `total[0]` = Σ values.
#[derive(Clone, Copy, Debug)]
pub struct Sum {
    /// The number of values.
    pub count: usize,
}

impl Family for Sum {
    const NAME: &'static str = "sum";
    const TRUST: Trust<Self> = Trust::OWN;
    const BINDINGS: &'static [Binding] = &[read("values"), write("total")];
    type Uniforms = SumUniforms;

    fn lens(&self) -> Vec<usize> {
        vec![self.count, 1]
    }

    fn uniforms(&self) -> SumUniforms {
        SumUniforms { count: self.count as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![wgsl!("lib/reduce.wgsl"), wgsl!("sum.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        [1, 1, 1]
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        args.write(1)[0] = args.read(0).iter().copied().sum();
    }
}
