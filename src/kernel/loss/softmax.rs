//! Softmax as a layer, from the numbers that [`SoftmaxParts`] leaves for every row, and its gradient.

use crate::Real;
use crate::kernel::base::rows::map_blocks;
use crate::kernel::loss::softmax_parts::{PARTS, SoftmaxParts};
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, each_quad, ports, quad_grid, uniforms, wgsl,
};

uniforms!(SoftmaxUniforms { rows: u32, classes: u32 });
uniforms!(SoftmaxBackwardUniforms { rows: u32, classes: u32 });

/// y = exp(x − top)/total, with the largest x of every row and the total of its exponentials. x and y are `[R, C]`, numbers `[R, 4]`.
#[derive(Clone, Copy, Debug)]
pub struct SoftmaxKernel {
    /// R.
    pub rows: usize,
    /// C.
    pub classes: usize,
}

/// dx = y ⊙ (dy − Σ dy ⊙ y), the sums being those of the rows. dy, y and dx are `[R, C]`, sums `[R]`.
#[derive(Clone, Copy, Debug)]
pub struct SoftmaxBackward {
    /// R.
    pub rows: usize,
    /// C.
    pub classes: usize,
}

ports! {
    /// The ports of [`SoftmaxKernel`].
    pub struct SoftmaxPorts {
        /// x.
        x: Read,
        /// The numbers of each row: its largest x, and the total.
        numbers: Read,
        /// y.
        y: Write,
    }
}

impl Family for SoftmaxKernel {
    const NAME: &'static str = "softmax";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["x", "y"];
    type Ports = SoftmaxPorts<Lens>;
    type Uniforms = SoftmaxUniforms;

    fn lens(&self) -> SoftmaxPorts<Lens> {
        let all = self.rows * self.classes;
        SoftmaxPorts { x: all, numbers: SoftmaxParts::len(self.rows, 1), y: all }
    }

    fn uniforms(&self) -> SoftmaxUniforms {
        SoftmaxUniforms { rows: self.rows as u32, classes: self.classes as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each_quad(), wgsl!("loss/softmax.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.rows, self.classes)
    }

    fn by_fours(&self) -> bool {
        self.classes.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: SoftmaxPorts<Slices<'_, T>>) {
        let SoftmaxPorts { x, numbers, y } = ports;
        let c = self.classes;
        map_blocks(
            y,
            ROWS * c,
            #[inline(always)]
            |index, y| {
                let rows = x[index * ROWS * c..].chunks_exact(c);
                let numbers = numbers[index * ROWS * PARTS..].chunks_exact(PARTS);
                for ((y, x), numbers) in y.chunks_exact_mut(c).zip(rows).zip(numbers) {
                    let (top, share) = (numbers[0], T::one() / numbers[1]);
                    y.iter_mut().zip(x).for_each(|(y, &x)| *y = (x - top).exponential() * share);
                }
            },
        );
    }
}

ports! {
    /// The ports of [`SoftmaxBackward`].
    pub struct SoftmaxBackwardPorts {
        /// ∂ℓ/∂y.
        d_y: Read,
        /// y.
        y: Read,
        /// Σ ∂ℓ/∂y ⊙ y of each row.
        sums: Read,
        /// ∂ℓ/∂x.
        d_x: Write,
    }
}

impl Family for SoftmaxBackward {
    const NAME: &'static str = "softmax_backward";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["d_y", "y", "d_x"];
    type Ports = SoftmaxBackwardPorts<Lens>;
    type Uniforms = SoftmaxBackwardUniforms;

    fn lens(&self) -> SoftmaxBackwardPorts<Lens> {
        let all = self.rows * self.classes;
        SoftmaxBackwardPorts { d_y: all, y: all, sums: self.rows, d_x: all }
    }

    fn uniforms(&self) -> SoftmaxBackwardUniforms {
        SoftmaxBackwardUniforms { rows: self.rows as u32, classes: self.classes as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each_quad(), wgsl!("loss/softmax_backward.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.rows, self.classes)
    }

    fn by_fours(&self) -> bool {
        self.classes.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: SoftmaxBackwardPorts<Slices<'_, T>>) {
        let SoftmaxBackwardPorts { d_y, y, sums, d_x } = ports;
        let c = self.classes;
        map_blocks(
            d_x,
            ROWS * c,
            #[inline(always)]
            |index, d_x| {
                let first = index * ROWS * c;
                let rows = y[first..].chunks_exact(c).zip(d_y[first..].chunks_exact(c));
                for ((d_x, (y, d_y)), &sum) in d_x.chunks_exact_mut(c).zip(rows).zip(&sums[index * ROWS..]) {
                    let pairs = y.iter().zip(d_y);
                    d_x.iter_mut().zip(pairs).for_each(|(d_x, (&y, &d_y))| *d_x = y * (d_y - sum));
                }
            },
        );
    }
}

/// Rows per task of the twins.
const ROWS: usize = 64;
