//! Rows of a table by their indices, and the gradient of the table: sums over the positions of every index, which are sorted first.

pub(crate) mod lookup_backward;
pub(crate) mod lookup_forward;
pub(crate) mod lookup_sort;

pub use lookup_backward::{LookupBackward, LookupBackwardPorts, LookupBlocks, LookupBlocksPorts};
pub use lookup_forward::{LookupForward, LookupForwardPorts};
pub use lookup_sort::{LookupSort, LookupSortPorts, LookupStarts, LookupStartsPorts};
