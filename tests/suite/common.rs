//! What several tests need: the GPU, comparisons that refuse lax limits, random numbers.

use autorot::{Device, wgpu};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::sync::OnceLock;

/// Whether GPUs are tested, too. Without, tests that need one are ignored, each by an attribute of its own, and those that run on
/// every device run on the CPU alone.
pub const WITH_GPU: bool = !cfg!(feature = "tests-without-gpu");

/// What to do where a test finds no GPU.
const REMEDY: &str = "tests/run installs a software one where it may; \
     cargo test --features tests-without-gpu does without, and ignores every test that is marked so";

/// The GPU to test on, shared by all tests; where there is none, the test fails and says what to do.
#[track_caller]
pub fn gpu() -> Device {
    static GPU: OnceLock<Result<Device, String>> = OnceLock::new();
    let opened = GPU.get_or_init(|| Device::gpu().map_err(|error| error.to_string()));
    opened.clone().unwrap_or_else(|error| panic!("no GPU to test on: {error}: {REMEDY}"))
}

#[test]
#[cfg_attr(
    feature = "tests-without-gpu",
    ignore = "without a GPU: the tests that run on every device run on the CPU alone"
)]
fn there_is_a_gpu() {
    assert!(gpu().is_gpu());
}

/// A device that is not the crate's own, with wgpu's default limits and no optional feature.
pub fn callers() -> Device {
    callers_with(wgpu::Limits::default())
}

/// A device that is not the crate's own, with these limits, or what the adapter has of them, and no optional feature.
pub fn callers_with(limits: wgpu::Limits) -> Device {
    gpu();
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
    device
}

/// A wgpu device of the test's own on the same adapter, with default limits and those of the features that are there.
pub fn open(features: wgpu::Features) -> (wgpu::Device, wgpu::Queue) {
    let shared = gpu();
    let descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    let adapters =
        pollster::block_on(wgpu::Instance::new(descriptor).enumerate_adapters(wgpu::Backends::all()));
    let name = |info: wgpu::AdapterInfo| format!("{} ({})", info.name, info.backend);
    let adapter = adapters.into_iter().find(|a| name(a.get_info()) == shared.name()).unwrap();
    let descriptor =
        wgpu::DeviceDescriptor { required_features: adapter.features() & features, ..Default::default() };
    pollster::block_on(adapter.request_device(&descriptor)).unwrap()
}

/// The devices that a test runs on: the CPU and the GPU, or the CPU alone where no GPU is tested.
pub fn devices() -> Vec<Device> {
    std::iter::once(Device::cpu()).chain(WITH_GPU.then(gpu)).collect()
}

/// Tells what a test that passes leaves out; libtest swallows what print macros tell.
pub fn tell(text: &str) {
    use std::io::Write;
    std::io::stderr().write_all(format!("{text}\n").as_bytes()).unwrap();
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

/// The text is that of a file in `tests/golden`. After a change that is meant, `AUTOROT_GOLDEN=write tests/run NAME` writes the
/// file anew, to be looked through before it is kept.
#[track_caller]
pub fn as_it_was(file: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    if std::env::var("AUTOROT_GOLDEN").is_ok_and(|value| value == "write") {
        return std::fs::write(&path, text).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap().replace('\r', "");
    for (number, (found, wanted)) in text.lines().zip(wanted.lines()).enumerate() {
        assert_eq!(found, wanted, "{}, line {}", path.display(), number + 1);
    }
    assert_eq!(text.lines().count(), wanted.lines().count(), "lines of {}", path.display());
}
