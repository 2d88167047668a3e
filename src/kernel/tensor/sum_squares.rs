//! The squared norm of the gradients, as partial sums.

use crate::Real;
use crate::kernel::{BY_FOURS, Family, Grid, Lens, Slices, Trust, flat_grid, ports, uniforms, wgsl};

/// Numbers that one workgroup sums.
const CHUNK: usize = 4096;

uniforms!(SumSquaresUniforms { count: u32 });

/// Partial sums of squares, one per 4,096 numbers. A sum that is not finite reveals a number that is not.
#[derive(Clone, Copy, Debug)]
pub struct SumSquares {
    /// The number of values.
    pub count: usize,
}

impl SumSquares {
    /// How many partial sums it writes.
    pub fn partials(count: usize) -> usize {
        count.div_ceil(CHUNK)
    }
}

ports! {
    /// The ports of [`SumSquares`].
    pub struct SumSquaresPorts {
        /// The values.
        values: Read,
        /// Partial sums of their squares.
        partials: Write,
    }
}

impl Family for SumSquares {
    const NAME: &'static str = "sum_squares";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["values"];
    type Ports = SumSquaresPorts<Lens>;
    type Uniforms = SumSquaresUniforms;

    fn lens(&self) -> SumSquaresPorts<Lens> {
        SumSquaresPorts { values: self.count, partials: Self::partials(self.count) }
    }

    fn uniforms(&self) -> SumSquaresUniforms {
        SumSquaresUniforms { count: self.count as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![
            wgsl!("base/parts/index.wgsl"),
            wgsl!("base/parts/reduce.wgsl"),
            wgsl!("tensor/sum_squares.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(Self::partials(self.count), 1)
    }

    fn by_fours(&self) -> bool {
        self.count.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: SumSquaresPorts<Slices<'_, T>>) {
        let SumSquaresPorts { values, partials } = ports;
        let sums = crate::kernel::base::rows::map_each(
            values.chunks(CHUNK).collect(),
            values.len(),
            #[inline(always)]
            |values: &[T]| {
                // Several running sums: a single one could not be vectorised.
                let mut sums = [T::zero(); 64];
                let mut lines = values.chunks_exact(64);
                for line in &mut lines {
                    sums.iter_mut().zip(line).for_each(|(sum, &v)| *sum = *sum + v * v);
                }
                sums.iter_mut().zip(lines.remainder()).for_each(|(sum, &v)| *sum = *sum + v * v);
                crate::kernel::base::rows::total(sums.into_iter())
            },
        );
        partials.copy_from_slice(&sums);
    }
}
