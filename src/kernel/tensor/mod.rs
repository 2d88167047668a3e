//! Copies, sums and functions of arrays, for no layer in particular.

pub(crate) mod activate;
pub(crate) mod centre;
pub(crate) mod copy_rows;
pub(crate) mod dropout;
pub(crate) mod fill;
pub(crate) mod gather;
pub(crate) mod merge;
pub(crate) mod noise;
pub(crate) mod permute;
pub(crate) mod prelu;
pub(crate) mod sum;
pub(crate) mod sum_rows;
pub(crate) mod sum_squares;
pub(crate) mod weighted_squares;

pub use activate::{ActivateKernel, ActivatePorts};
pub use centre::{Centre, CentrePorts};
pub use copy_rows::{CopyRows, CopyRowsPorts, Strided};
pub use dropout::{DropoutKernel, DropoutPorts, DropoutValues};
pub use fill::{Fill, FillPorts};
pub use gather::{Classes, Gather, GatherPorts};
pub use merge::{Merge, MergeBackward, MergeBackwardPorts, MergeMode, MergePorts};
pub use noise::{Noise, NoisePorts};
pub(crate) use permute::MOST_DIMENSIONS;
pub use permute::{PermuteKernel, PermutePorts};
pub use prelu::{PReluKernel, PReluOf, PReluPorts};
pub use sum::{Sum, SumOf, SumPorts};
pub use sum_rows::{SumRows, SumRowsPorts};
pub use sum_squares::{SumSquares, SumSquaresPorts};
pub use weighted_squares::{WeightedSquares, WeightedSquaresPorts};
