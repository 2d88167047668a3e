//! Which device a process trains on, and how many threads it takes.

use super::Processes;
use crate::{Device, Result};

/// The device for a process: the one that is named, else the GPU of the same number as the process among those on its host, round and round
/// where there are more processes than GPUs, or the CPU where there is none. A name of [`Device::named`] means that device on every rank.
///
/// # Errors
/// Those of [`Device::named`].
pub fn device_for(processes: &dyn Processes, name: Option<&str>) -> Result<Device> {
    let from_environment = || std::env::var("AUTOROT_DEVICE").is_ok_and(|name| !name.is_empty());
    match name.filter(|name| *name != "auto") {
        Some("gpu") => Device::gpu_of(processes.local().0)?.map_or_else(Device::gpu, Ok),
        Some(name) => Device::named(name),
        None if from_environment() => Device::auto(),
        None => Ok(Device::gpu_of(processes.local().0)?.unwrap_or_else(Device::cpu)),
    }
}

/// How many threads a process takes that may use so many of its host's cores: its share of them, unless whoever started it has given it
/// some of its own. `all` is the number of cores of the host.
pub fn threads_of(processes: &dyn Processes, allowed: usize, all: usize) -> usize {
    if allowed < all { allowed.max(1) } else { (allowed / processes.local().1.max(1)).max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::processes::Threads;

    #[test]
    fn cores_are_shared_unless_they_are_given() {
        let ranks = Threads::new(4).unwrap();
        let of = |allowed, all| threads_of(&ranks[1], allowed, all);
        assert_eq!([of(16, 16), of(2, 16), of(2, 2), of(1, 1)], [4, 2, 1, 1]);
        assert_eq!(device_for(&ranks[0], Some("cpu")).unwrap().name(), Device::cpu().name());
    }
}
