//! A rectifier with learnt slopes below 0.

use crate::Real;
use crate::kernel::base::rows::map_blocks;
use crate::kernel::tensor::permute::MOST_DIMENSIONS;
use crate::kernel::{Family, Grid, Lens, Slices, Trust, constants, each, flat_grid, ports, uniforms, wgsl};

uniforms!(PReluUniforms {
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

/// What [`PReluKernel`] computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PReluOf {
    /// y = max(x, 0) + α·min(x, 0).
    Forward,
    /// dx = dy for x > 0, α·dy for x < 0, and 0 for 0.
    Input,
    /// dy·min(x, 0): what every number adds to the gradient of its α.
    Alpha,
}

/// A rectifier with a slope α below 0 for every place of a sample (He et al. 2015), forward or backward. x, dy and the result are
/// `[B, shape]`; α has the same shape with ones where a dimension shares it.
#[derive(Clone, Copy, Debug)]
pub struct PReluKernel {
    /// B.
    pub batch: usize,
    /// The shape of a sample, with ones before what has fewer dimensions.
    pub shape: [usize; MOST_DIMENSIONS],
    /// Whether all places along a dimension share their α.
    pub shared: [bool; MOST_DIMENSIONS],
    /// What is computed.
    pub of: PReluOf,
}

impl PReluKernel {
    /// From one index of each dimension to the next in α.
    fn strides(&self) -> [usize; MOST_DIMENSIONS] {
        let own = |d: usize| if self.shared[d] { 1 } else { self.shape[d] };
        std::array::from_fn(|d| if self.shared[d] { 0 } else { (d + 1..MOST_DIMENSIONS).map(own).product() })
    }

    /// Numbers of a sample.
    fn sample(&self) -> usize {
        self.shape.iter().product()
    }

    /// The number of α.
    pub(crate) fn alphas(&self) -> usize {
        self.shape.iter().zip(self.shared).filter(|(_, shared)| !shared).map(|(size, _)| size).product()
    }
}

ports! {
    /// The ports of [`PReluKernel`].
    pub struct PReluPorts {
        /// x.
        x: Read,
        /// α, but for its own gradient.
        alpha: Option<Read>,
        /// ∂ℓ/∂y, backward.
        d_y: Option<Read>,
        /// The result.
        out: Write,
    }
}

impl Family for PReluKernel {
    const NAME: &'static str = "prelu";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = PReluPorts<Lens>;
    type Uniforms = PReluUniforms;

    fn lens(&self) -> PReluPorts<Lens> {
        let count = self.batch * self.sample();
        PReluPorts {
            x: count,
            alpha: (self.of != PReluOf::Alpha).then_some(self.alphas()),
            d_y: (self.of != PReluOf::Forward).then_some(count),
            out: count,
        }
    }

    fn uniforms(&self) -> PReluUniforms {
        let [_, size_1, size_2, size_3] = self.shape.map(|size| size as u32);
        let [stride_0, stride_1, stride_2, stride_3] = self.strides().map(|stride| stride as u32);
        PReluUniforms {
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
        let options =
            constants(&[("SLOPE", self.of == PReluOf::Input), ("SHARE", self.of == PReluOf::Alpha)]);
        vec![each(), options, wgsl!("tensor/prelu.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.batch * self.sample(), 64)
    }

    fn twin<T: Real>(&self, ports: PReluPorts<Slices<'_, T>>) {
        let PReluPorts { x, alpha, d_y, out } = ports;
        let [alpha, d_y] = [alpha, d_y].map(Option::unwrap_or_default);
        let ([_, b, c, d], strides, len) = (self.shape, self.strides(), self.sample());
        let place = |i: usize| {
            let index = [i / (b * c * d), i / (c * d) % b, i / d % c, i % d];
            index.iter().zip(strides).map(|(i, stride)| i * stride).sum::<usize>()
        };
        let zero = T::zero();
        map_blocks(
            out,
            len,
            #[inline(always)]
            |row, out| {
                let first = row * len;
                for (i, (out, &x)) in out.iter_mut().zip(&x[first..]).enumerate() {
                    *out = match self.of {
                        PReluOf::Forward => x.max(zero) + alpha[place(i)] * x.min(zero),
                        PReluOf::Input if x > zero => d_y[first + i],
                        PReluOf::Input if x < zero => alpha[place(i)] * d_y[first + i],
                        PReluOf::Input => zero,
                        PReluOf::Alpha => d_y[first + i] * x.min(zero),
                    };
                }
            },
        );
    }
}
