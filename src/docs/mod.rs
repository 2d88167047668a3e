//! How the crate is made: pages for those who read or extend it.

#[doc = include_str!("architecture.md")]
pub mod architecture {}

#[doc = include_str!("adding_a_layer.md")]
pub mod adding_a_layer {}

#[doc = include_str!("devices.md")]
pub mod devices {}

#[doc = include_str!("faults.md")]
pub mod faults {}

#[doc = include_str!("rejected.md")]
pub mod rejected {}

#[doc = include_str!("rotation.md")]
pub mod rotation {}

#[doc = include_str!("testing.md")]
pub mod testing {}
