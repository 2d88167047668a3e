//! Checks that wgpu handles belong to the same device. wgpu does not report it, and uses a queue of another device until the process
//! dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use web_time::{Duration, Instant};

/// Whether a queue belongs to a device; `None` if unknown: in browsers, and on a lost device.
pub(super) fn belongs(device: &wgpu::Device, queue: &wgpu::Queue) -> Option<bool> {
    reaches(device, || {
        queue.submit([]);
    })
}

/// Whether two handles belong to one working device.
pub(super) fn same(device: &wgpu::Device, other: &wgpu::Device) -> bool {
    let poll = || {
        // An error means that the device is lost; the callback then reports nothing.
        let _ = other.poll(wgpu::PollType::Poll);
    };
    reaches(device, poll) == Some(true)
}

const WAITING: u8 = 0;
const MAPPED: u8 = 1;
const REFUSED: u8 = 2;

/// How long another thread that happens to poll the device may take to run the callback.
const PATIENCE: Duration = Duration::from_millis(50);

/// Whether `wake` makes the device process finished work. A buffer that nothing has used is mapped as soon as that happens, whatever the
/// device is doing: nothing waits for it, and there is no error.
fn reaches(device: &wgpu::Device, wake: impl Fn()) -> Option<bool> {
    if cfg!(target_family = "wasm") {
        return None;
    }
    let attempt = || {
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("probe"),
            size: 4,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let told = Arc::new(AtomicU8::new(WAITING));
        let tell = told.clone();
        buffer.map_async(wgpu::MapMode::Read, .., move |result| {
            tell.store(if result.is_ok() { MAPPED } else { REFUSED }, Ordering::Release);
        });
        let before = told.load(Ordering::Acquire);
        if before != WAITING {
            return (before == MAPPED, None);
        }
        wake();
        let begin = Instant::now();
        while told.load(Ordering::Acquire) == WAITING && begin.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
        }
        match told.load(Ordering::Acquire) {
            WAITING => (false, Some(false)),
            MAPPED => (false, Some(true)),
            _ => (false, None),
        }
    };
    // Another thread may have polled the device first.
    (0..3).map(|_| attempt()).find(|(again, _)| !again).and_then(|(_, found)| found)
}
