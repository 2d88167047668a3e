//! The sums of vectors, in blocks.

use crate::Real;
use crate::kernel::base::rows::total;
use crate::kernel::{Family, Grid, Lens, Slices, Trust, constants, flat_grid, ports, uniforms, wgsl};

/// Values that one workgroup sums.
const BLOCK: usize = 4096;

uniforms!(SumUniforms { count: u32, parts: u32, blocks: u32, first: u32, stride: u32 });

/// What [`Sum`] adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SumOf {
    /// The values.
    Values,
    /// Their squares.
    Squares,
    /// Their products with other values.
    Products,
}

/// `totals[first + p·stride + k]` = Σ of block k of vector p, of its squares, or of its products with another vector: up to 4,096 of its
/// `count` values.
///
/// [`Recorder::sum`](crate::plan::Recorder::sum) records as many of these in a row as a sum needs.
#[derive(Clone, Copy, Debug)]
pub struct Sum {
    /// The number of values per sum.
    pub count: usize,
    /// The number of sums.
    pub parts: usize,
    /// What is added up.
    pub of: SumOf,
    /// Where the first total goes.
    pub first: usize,
    /// From one sum's first total to the next one's.
    pub stride: usize,
}

impl Sum {
    /// The number of blocks of `count` values.
    pub fn blocks(count: usize) -> usize {
        count.div_ceil(BLOCK)
    }
}

ports! {
    /// The ports of [`Sum`].
    pub struct SumPorts {
        /// The values.
        values: Read,
        /// What they are multiplied by, for products.
        others: Option<Read>,
        /// The sums.
        totals: Update,
    }
}

impl Family for Sum {
    const NAME: &'static str = "sum";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = SumPorts<Lens>;
    type Uniforms = SumUniforms;

    fn lens(&self) -> SumPorts<Lens> {
        let all = self.parts * self.count;
        SumPorts {
            values: all,
            others: (self.of == SumOf::Products).then_some(all),
            totals: self.first + (self.parts - 1) * self.stride + Self::blocks(self.count),
        }
    }

    fn uniforms(&self) -> SumUniforms {
        SumUniforms {
            count: self.count as u32,
            parts: self.parts as u32,
            blocks: Self::blocks(self.count) as u32,
            first: self.first as u32,
            stride: self.stride as u32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let options =
            constants(&[("SQUARES", self.of == SumOf::Squares), ("PRODUCTS", self.of == SumOf::Products)]);
        vec![
            wgsl!("base/parts/index.wgsl"),
            wgsl!("base/parts/reduce.wgsl"),
            options,
            wgsl!("tensor/sum.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.parts * Self::blocks(self.count), 1)
    }

    fn twin<T: Real>(&self, ports: SumPorts<Slices<'_, T>>) {
        let SumPorts { values, others, totals } = ports;
        let factors = match self.of {
            SumOf::Values => None,
            SumOf::Squares => Some(values),
            SumOf::Products => others,
        };
        for part in 0..self.parts {
            let vector = part * self.count..(part + 1) * self.count;
            let totals = &mut totals[self.first + part * self.stride..];
            for (block, sum) in vector.clone().step_by(BLOCK).zip(totals) {
                let block = block..(block + BLOCK).min(vector.end);
                let values = values[block.clone()].iter().copied();
                *sum = match factors {
                    None => total(values),
                    Some(factors) => total(values.zip(&factors[block]).map(|(v, &f)| v * f)),
                };
            }
        }
    }
}
