//! The dimensions of every sample in another order.

use crate::Real;
use crate::kernel::{Family, Grid, Lens, Slices, Trust, each, flat_grid, ports, uniforms, wgsl};

/// The most dimensions of a sample.
pub(crate) const MOST_DIMENSIONS: usize = 4;

uniforms!(PermuteUniforms {
    count: u32,
    len: u32,
    size_1: u32,
    size_2: u32,
    size_3: u32,
    stride_0: u32,
    stride_1: u32,
    stride_2: u32,
    stride_3: u32,
});

/// `y[b, i₀, i₁, i₂, i₃]` = x at the same indices, of which iₖ is that of x's dimension `order[k]`.
#[derive(Clone, Copy, Debug)]
pub struct PermuteKernel {
    /// B.
    pub batch: usize,
    /// The shape of a sample of x, with ones before what has fewer dimensions.
    pub shape: [usize; MOST_DIMENSIONS],
    /// For each dimension of y that of x.
    pub order: [usize; MOST_DIMENSIONS],
}

impl PermuteKernel {
    /// The sizes of y's dimensions, and from one index of each to the next in x.
    fn sizes(&self) -> [(usize, usize); MOST_DIMENSIONS] {
        self.order.map(|d| (self.shape[d], self.shape[d + 1..].iter().product()))
    }

    /// Numbers of a sample.
    fn sample(&self) -> usize {
        self.shape.iter().product()
    }
}

ports! {
    /// The ports of [`PermuteKernel`].
    pub struct PermutePorts {
        /// x.
        x: Read,
        /// y.
        y: Write,
    }
}

impl Family for PermuteKernel {
    const NAME: &'static str = "permute";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = PermutePorts<Lens>;
    type Uniforms = PermuteUniforms;

    fn lens(&self) -> PermutePorts<Lens> {
        let count = self.batch * self.sample();
        PermutePorts { x: count, y: count }
    }

    fn uniforms(&self) -> PermuteUniforms {
        let sizes = self.sizes().map(|(size, stride)| (size as u32, stride as u32));
        let [(_, stride_0), (size_1, stride_1), (size_2, stride_2), (size_3, stride_3)] = sizes;
        PermuteUniforms {
            count: (self.batch * self.sample()) as u32,
            len: self.sample() as u32,
            size_1,
            size_2,
            size_3,
            stride_0,
            stride_1,
            stride_2,
            stride_3,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each(), wgsl!("tensor/permute.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.batch * self.sample(), 64)
    }

    fn twin<T: Real>(&self, ports: PermutePorts<Slices<'_, T>>) {
        let PermutePorts { x, y } = ports;
        let [a, b, c, d] = self.sizes();
        let len = self.sample();
        for (x, y) in x.chunks_exact(len).zip(y.chunks_exact_mut(len)) {
            let places = (0..a.0).flat_map(|i| (0..b.0).map(move |j| i * a.1 + j * b.1));
            let lines = places.flat_map(|place| (0..c.0).map(move |k| place + k * c.1));
            for (line, y) in lines.zip(y.chunks_exact_mut(d.0)) {
                y.iter_mut().zip(x[line..].iter().step_by(d.1.max(1))).for_each(|(y, &x)| *y = x);
            }
        }
    }
}
