//! What tells a data set from others.

use super::{Dataset, Targets};

/// The maximum number of inputs, of targets and of weights in a fingerprint.
const LOOKED_AT: usize = 1 << 17;

impl Dataset {
    /// A 64-bit fingerprint in hexadecimal: FNV-1a over the bits of the inputs, of the targets and of the weights, at most 2¹⁷ of each,
    /// spread evenly over larger data sets.
    pub(crate) fn fingerprint(&self) -> String {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |word: u32| {
            for byte in word.to_le_bytes() {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        let spread = |len: usize| (0..len).step_by(len.div_ceil(LOOKED_AT).max(1));
        spread(self.inputs().len()).for_each(|i| add(self.inputs()[i].to_bits()));
        match self.targets() {
            Targets::Classes { labels, .. } => spread(labels.len()).for_each(|i| add(labels[i])),
            Targets::Values { values, .. } => spread(values.len()).for_each(|i| add(values[i].to_bits())),
        }
        if let Some(weights) = self.weights() {
            spread(weights.len()).for_each(|i| add(weights[i].to_bits()));
        }
        format!("{hash:016x}")
    }
}
