//! The sums of short vectors.

use super::{Args, Binding, Family, Grid, Trust, read, uniforms, wgsl, write};
use crate::Real;

uniforms!(SumUniforms { count: u32 });

/// `total[p]` = Σ of the p-th `count` of the values.
#[derive(Clone, Copy, Debug)]
pub struct Sum {
    /// The number of values of a sum.
    pub count: usize,
    /// The number of sums.
    pub parts: usize,
}

impl Family for Sum {
    const NAME: &'static str = "sum";
    const TRUST: Trust<Self> = Trust::OWN;
    const BINDINGS: &'static [Binding] = &[read("values"), write("total")];
    type Uniforms = SumUniforms;

    fn lens(&self) -> Vec<usize> {
        vec![self.parts * self.count, self.parts]
    }

    fn uniforms(&self) -> SumUniforms {
        SumUniforms { count: self.count as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![wgsl!("lib/reduce.wgsl"), wgsl!("sum.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        [self.parts as u32, 1, 1]
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let parts = args.read(0).chunks_exact(self.count);
        args.write(1).iter_mut().zip(parts).for_each(|(total, values)| *total = values.iter().copied().sum());
    }
}
