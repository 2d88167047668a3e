//! What a regulariser adds to the loss.

use crate::Real;
use crate::kernel::base::rows::total;
use crate::kernel::{BY_FOURS, Family, Grid, Lens, Slices, Trust, flat_grid, ports, uniforms, wgsl};

/// Weights that one workgroup sums.
const CHUNK: usize = 4096;

uniforms!(PenaltyUniforms { count: u32, groups: u32, l1: f32, l2: f32 });

/// Partial sums of l1·|w| + l2·w², padded to a multiple of 64 so that several fit into one buffer.
#[derive(Clone, Copy, Debug)]
pub struct Penalty {
    /// The number of weights.
    pub count: usize,
    /// The factor of |w|.
    pub l1: f32,
    /// The factor of w².
    pub l2: f32,
}

impl Penalty {
    /// How many partial sums it writes; those past the end are 0.
    pub fn partials(count: usize) -> usize {
        count.div_ceil(CHUNK).next_multiple_of(64)
    }
}

ports! {
    /// The ports of [`Penalty`].
    pub struct PenaltyPorts {
        /// The weights.
        w: Read,
        /// Partial sums of the penalty.
        partials: Write,
    }
}

impl Family for Penalty {
    const NAME: &'static str = "penalty";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["w"];
    type Ports = PenaltyPorts<Lens>;
    type Uniforms = PenaltyUniforms;

    fn lens(&self) -> PenaltyPorts<Lens> {
        PenaltyPorts { w: self.count, partials: Self::partials(self.count) }
    }

    fn uniforms(&self) -> PenaltyUniforms {
        PenaltyUniforms {
            count: self.count as u32,
            groups: Self::partials(self.count) as u32,
            l1: self.l1,
            l2: self.l2,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![wgsl!("base/parts/index.wgsl"), wgsl!("base/parts/reduce.wgsl"), wgsl!("step/penalty.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(Self::partials(self.count), 1)
    }

    fn by_fours(&self) -> bool {
        self.count.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: PenaltyPorts<Slices<'_, T>>) {
        let PenaltyPorts { w, partials } = ports;
        let (l1, l2) = (T::of(self.l1.into()), T::of(self.l2.into()));
        partials.fill(T::zero());
        for (partial, w) in partials.iter_mut().zip(w.chunks(CHUNK)) {
            *partial = total(w.iter().map(|&w| l1 * w.abs() + l2 * w * w));
        }
    }
}
