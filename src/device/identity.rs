//! Which handles of wgpu's are of one device. wgpu does not tell, and uses a queue of another device until the process dies of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use web_time::{Duration, Instant};

/// Whether a queue is a device's own; `None` where that cannot be told: in browsers, and on a device that is lost.
pub(super) fn belongs(device: &wgpu::Device, queue: &wgpu::Queue) -> Option<bool> {
    reaches(device, || {
        queue.submit([]);
    })
}

/// Whether two handles are of one device that works.
pub(super) fn same(device: &wgpu::Device, other: &wgpu::Device) -> bool {
    let poll = || {
        // An error says that the device is lost, and then nothing is told.
        let _ = other.poll(wgpu::PollType::Poll);
    };
    reaches(device, poll) == Some(true)
}

const WAITING: u8 = 0;
const MAPPED: u8 = 1;
const REFUSED: u8 = 2;

/// How long another thread that happens to poll the device may take to tell.
const PATIENCE: Duration = Duration::from_millis(50);

/// Whether `wake` makes the device take notice of what is done. A buffer that nothing has used is mapped as soon as that happens,
/// whatever the device is at work on: nothing waits for it, and no error arises.
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
    // Another thread may have polled the device before it was this one's turn.
    (0..3).map(|_| attempt()).find(|(again, _)| !again).and_then(|(_, found)| found)
}
