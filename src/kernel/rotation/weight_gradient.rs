//! dW from its partial sums, plus the virtual sample's and the regulariser's shares.

use crate::Real;
use crate::kernel::base::rows::map_blocks;
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Share, Slices, Trust, constants, each_quad, ports, quad_grid, uniforms,
    wgsl,
};

uniforms!(WeightGradientUniforms {
    splits: u32,
    taps: u32,
    outer: u32,
    inner: u32,
    factor: f32,
    l1: f32,
    l2: f32
});

/// dW = Σ partials + the virtual sample's share + l1·sign(W) + 2·l2·W.
///
/// W is `[taps, channels, filters]`, or turned `[taps, filters, channels]`; partials are `splits` of it.
#[derive(Clone, Copy, Debug)]
pub struct WeightGradient {
    /// How many partial sums there are.
    pub splits: usize,
    /// The window's taps.
    pub taps: usize,
    /// Channels per filter.
    pub channels: usize,
    /// The number of filters.
    pub filters: usize,
    /// Whether the filters come before the channels in W.
    pub turned: bool,
    /// The virtual sample's share.
    pub share: Share,
    /// The share's factor.
    pub factor: f32,
    /// The L1 regulariser's factor.
    pub l1: f32,
    /// The L2 regulariser's factor.
    pub l2: f32,
}

impl WeightGradient {
    fn weights(&self) -> usize {
        self.taps * self.channels * self.filters
    }

    /// The two last dimensions of W.
    fn sides(&self) -> (usize, usize) {
        if self.turned { (self.filters, self.channels) } else { (self.channels, self.filters) }
    }
}

ports! {
    /// The ports of [`WeightGradient`].
    pub struct WeightGradientPorts {
        /// Partial sums for ∂ℓ/∂W.
        partials: Read,
        /// W.
        w: Read,
        /// The virtual sample's share, where there is one.
        virtual_sample: Option<Read>,
        /// Its factor for each channel, where they differ.
        channel: Option<Read>,
        /// ∂ℓ/∂W.
        d_w: Write,
    }
}

impl Family for WeightGradient {
    const NAME: &'static str = "weight_gradient";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["partials", "w", "virtual_sample", "d_w"];
    type Ports = WeightGradientPorts<Lens>;
    type Uniforms = WeightGradientUniforms;

    fn lens(&self) -> WeightGradientPorts<Lens> {
        let weights = self.weights();
        let virtual_sample = self.share.numbers([self.taps, self.channels, self.filters]);
        let channel = (self.share == Share::ScalePerChannel).then_some(self.channels);
        WeightGradientPorts {
            partials: self.splits * weights,
            w: weights,
            virtual_sample,
            channel,
            d_w: weights,
        }
    }

    fn uniforms(&self) -> WeightGradientUniforms {
        let (outer, inner) = self.sides();
        WeightGradientUniforms {
            splits: self.splits as u32,
            taps: self.taps as u32,
            outer: outer as u32,
            inner: inner as u32,
            factor: self.factor,
            l1: self.l1,
            l2: self.l2,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let options =
            constants(&[("TURNED", self.turned), ("REGULARISED", self.l1 != 0.0 || self.l2 != 0.0)]);
        vec![each_quad(), options, self.share.wgsl(), wgsl!("rotation/weight_gradient.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        let (outer, inner) = self.sides();
        quad_grid(self.taps * outer, inner)
    }

    fn rounds(&self, _variant: usize) -> usize {
        self.splits
    }

    fn by_fours(&self) -> bool {
        self.sides().1.is_multiple_of(4) && self.filters.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: WeightGradientPorts<Slices<'_, T>>) {
        let WeightGradientPorts { partials, w, virtual_sample: v, channel, d_w } = ports;
        let [v, channel] = [v, channel].map(Option::unwrap_or_default);
        let (outer, inner) = self.sides();
        let (l1, l2) = (T::of(self.l1.into()), T::of(2.0 * f64::from(self.l2)));
        let factor = T::of(self.factor.into());
        map_blocks(
            d_w,
            inner,
            #[inline(always)]
            |line, d_w| {
                let first = line * inner;
                d_w.copy_from_slice(&partials[first..][..inner]);
                for split in 1..self.splits {
                    let partial = &partials[split * self.weights() + first..];
                    d_w.iter_mut().zip(partial).for_each(|(d_w, &p)| *d_w = *d_w + p);
                }
                let (tap, row) = (line / outer, line % outer);
                for (i, (d_w, &w)) in d_w.iter_mut().zip(&w[first..]).enumerate() {
                    let (c, n) = if self.turned { (i, row) } else { (row, i) };
                    let v = match self.share {
                        Share::None => T::zero(),
                        Share::Shift | Share::Scale => factor * v[n],
                        Share::ShiftPerTap => factor * v[tap * self.filters + n],
                        Share::ScalePerChannel => factor * v[n] * channel[c],
                        Share::Whole => v[first + i],
                    };
                    *d_w = *d_w + self.share.of(v, w) + l1 * w.sign() + l2 * w;
                }
            },
        );
    }
}
