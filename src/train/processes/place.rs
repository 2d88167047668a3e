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

/// How many threads a process takes that may use so many of its host's cores: as many as `RAYON_NUM_THREADS` says, else its share of them,
/// unless whoever started it has given it some of its own. `all` is the number of cores of the host.
pub fn threads_of(processes: &dyn Processes, allowed: usize, all: usize) -> usize {
    let told = std::env::var("RAYON_NUM_THREADS").ok().and_then(|threads| threads.parse().ok());
    share_of(processes, told, allowed, all)
}

fn share_of(processes: &dyn Processes, told: Option<usize>, allowed: usize, all: usize) -> usize {
    match told {
        Some(threads @ 1..) => threads,
        _ if allowed < all => allowed.max(1),
        _ => (allowed / processes.local().1.max(1)).max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::processes::Threads;

    #[test]
    fn cores_are_shared_unless_they_are_given() {
        let ranks = Threads::new(4).unwrap();
        let of = |told, allowed, all| share_of(&ranks[1], told, allowed, all);
        assert_eq!([of(None, 16, 16), of(None, 2, 16), of(None, 2, 2), of(None, 1, 1)], [4, 2, 1, 1]);
        assert_eq!([of(Some(3), 16, 16), of(Some(3), 2, 16), of(Some(0), 16, 16)], [3, 3, 4]);
        assert_eq!(device_for(&ranks[0], Some("cpu")).unwrap().name(), Device::cpu().name());
    }
}
