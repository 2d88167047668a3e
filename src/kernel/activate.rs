//! y = σ(a), or of a sum.

use super::rows::map_blocks;
use super::{
    Args, BY_FOURS, Binding, Family, Grid, Trust, UNUSED, constants, flat_grid, read, uniforms, wgsl, write,
};
use crate::{Activation, Real};

uniforms!(ActivateUniforms { count: u32 });

/// y = σ(a), or σ(a + b).
#[derive(Clone, Copy, Debug)]
pub struct Activate {
    /// The number of elements.
    pub count: usize,
    /// Whether b is added.
    pub sum: bool,
    /// σ.
    pub activation: Activation,
}

impl Family for Activate {
    const NAME: &'static str = "activate";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["a", "b", "y"];
    const BINDINGS: &'static [Binding] = &[read("a"), read("b"), write("y")];
    type Uniforms = ActivateUniforms;

    fn lens(&self) -> Vec<usize> {
        vec![self.count, if self.sum { self.count } else { UNUSED }, self.count]
    }

    fn uniforms(&self) -> ActivateUniforms {
        ActivateUniforms { count: self.count as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![
            wgsl!("lib/index.wgsl"),
            wgsl!("lib/math.wgsl"),
            self.activation.wgsl(),
            constants(&[("SUM", self.sum)]),
            wgsl!("activate.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.count.div_ceil(4), 64)
    }

    fn by_fours(&self) -> bool {
        self.count.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (a, b) = (args.read(0), args.read(1));
        map_blocks(
            args.write(2),
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
