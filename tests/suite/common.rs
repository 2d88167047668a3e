//! What several tests need: a GPU or a reason to skip, comparisons that refuse lax limits, random numbers.

use autorot::{Device, wgpu};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::sync::{Mutex, OnceLock};

/// The GPU to test on, shared by all tests; `None` prints SKIPPED, or panics with `REQUIRE_GPU=1`.
pub fn gpu(test: &str) -> Option<Device> {
    static GPU: OnceLock<Option<Device>> = OnceLock::new();
    static OPENING: Mutex<()> = Mutex::new(());
    let _guard = OPENING.lock();
    let device = GPU.get_or_init(|| match Device::gpu() {
        Ok(device) => Some(device),
        Err(error) if std::env::var("REQUIRE_GPU").is_ok_and(|v| v == "1") => {
            panic!("REQUIRE_GPU=1: {error}")
        }
        Err(error) => {
            eprintln!("no GPU: {error}");
            None
        }
    });
    if device.is_none() {
        eprintln!("SKIPPED {test}: no adapter");
    }
    device.clone()
}

/// A device that is not the crate's own, with wgpu's default limits and no optional feature.
pub fn callers(test: &str) -> Option<Device> {
    callers_with(test, wgpu::Limits::default())
}

/// A device that is not the crate's own, with these limits, or what the adapter has of them, and no optional feature.
pub fn callers_with(test: &str, limits: wgpu::Limits) -> Option<Device> {
    gpu(test)?;
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let open = async {
        let adapter = instance.request_adapter(&wgpu::RequestAdapterOptions::default()).await.unwrap();
        let request = wgpu::DeviceDescriptor {
            required_features: wgpu::Features::empty(),
            required_limits: limits.or_worse_values_from(&adapter.limits()),
            ..Default::default()
        };
        adapter.request_device(&request).await.unwrap()
    };
    let (device, queue) = pollster::block_on(open);
    let device = Device::from_wgpu(device, queue);
    assert!(device.is_gpu());
    Some(device)
}

/// A wgpu device of the test's own on the same adapter, with default limits and those of the features that are there.
pub fn open(test: &str, features: wgpu::Features) -> Option<(wgpu::Device, wgpu::Queue)> {
    let shared = gpu(test)?;
    let descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    let adapters =
        pollster::block_on(wgpu::Instance::new(descriptor).enumerate_adapters(wgpu::Backends::all()));
    let name = |info: wgpu::AdapterInfo| format!("{} ({})", info.name, info.backend);
    let adapter = adapters.into_iter().find(|a| name(a.get_info()) == shared.name()).unwrap();
    let descriptor =
        wgpu::DeviceDescriptor { required_features: adapter.features() & features, ..Default::default() };
    Some(pollster::block_on(adapter.request_device(&descriptor)).unwrap())
}

/// The devices that training tests run on: the CPU, and the GPU where there is one.
pub fn devices(test: &str) -> Vec<Device> {
    std::iter::once(Device::cpu()).chain(gpu(test)).collect()
}

/// How far a result may lie from the truth. Laxer limits than these are refused.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    absolute: f64,
    relative: f64,
}

impl Tolerance {
    pub fn new(absolute: f64, relative: f64) -> Self {
        assert!(
            absolute <= 1e-5 && relative <= 1e-3,
            "a tolerance of {absolute} + {relative}·|x| proves nothing"
        );
        Self { absolute, relative }
    }
}

/// Every value within atol + rtol·|wanted|.
#[track_caller]
pub fn assert_close(what: &str, found: &[f64], wanted: &[f64], tolerance: Tolerance) {
    assert_eq!(found.len(), wanted.len(), "{what}: lengths");
    for (i, (&f, &w)) in found.iter().zip(wanted).enumerate() {
        let limit = tolerance.absolute + tolerance.relative * w.abs();
        assert!(
            (f - w).abs() <= limit,
            "{what}[{i}]: found {f}, wanted {w}, off by {} > {limit}",
            (f - w).abs()
        );
    }
}

/// ‖found − wanted‖ ≤ limit·‖wanted‖, the limit at most 1e-3; and both of length 0 or not.
#[track_caller]
pub fn assert_norm(what: &str, found: &[f64], wanted: &[f64], limit: f64) {
    assert!(limit <= 1e-3, "a limit of {limit} proves nothing");
    assert_eq!(found.len(), wanted.len(), "{what}: lengths");
    let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|v| v * v).sum::<f64>().sqrt();
    let off = norm(&mut found.iter().zip(wanted).map(|(f, w)| f - w));
    let size = norm(&mut wanted.iter().copied());
    assert!(off <= limit * size, "{what}: off by {off}, {} of the norm, more than {limit}", off / size);
}

/// Seeded numbers for tests.
pub struct Random(ChaCha8Rng);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Uniform in −1..1.
    pub fn signed(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0
    }

    /// `count` numbers uniform in −scale..scale.
    pub fn vector(&mut self, count: usize, scale: f32) -> Vec<f32> {
        (0..count).map(|_| self.signed() * scale).collect()
    }
}
