//! Window geometry: which sources a tap sees, which positions form a zone.

pub(crate) mod taps;
pub(crate) mod zones;

pub use taps::Taps;
pub use zones::Zones;
