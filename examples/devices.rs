//! Lists the adapters that wgpu finds, what each offers, and which device would be chosen.
//!
//! `cargo run --release --example devices`

#[path = "common/say.rs"]
mod say;

use autorot::device::adapters;
use autorot::wgpu::Features;
use autorot::{Device, Result};
use clap::Parser;
use say::say;

/// Lists the adapters that wgpu finds, what each offers, and which device would be chosen.
#[derive(Parser, Debug)]
#[command(after_help = VARIABLES)]
struct Options {}

const VARIABLES: &str = "\
Environment variables:
  AUTOROT_DEVICE      auto, gpu, software, cpu, cpu-f64, or part of an adapter's name
  AUTOROT_TUNE        on, off, again: whether kernel variants are timed, and anew
  WGPU_BACKEND        vulkan, metal, dx12, gl, or several with commas: look for no other
  WGPU_ADAPTER_NAME   part of a name: adapters without it do not count
  WGPU_POWER_PREF     low, high: integrated or discrete GPUs first";

fn main() {
    env_logger::init();
    let Options {} = Options::parse();
    if let Err(error) = list() {
        say::fail(error);
    }
}

fn list() -> Result<()> {
    let found = adapters()?;
    if found.is_empty() {
        say!("wgpu finds no adapter.");
    }
    for adapter in &found {
        let (info, limits) = (&adapter.info, &adapter.limits);
        say!("{} ({}, {:?})", info.name, info.backend, info.device_type);
        if let Some(lack) = &adapter.lacks {
            say!("    cannot be used    {lack}");
        }
        say!("    driver            {} {}", info.driver, info.driver_info);
        say!("    subgroup          {} to {}", info.subgroup_min_size, info.subgroup_max_size);
        say!("    buffer            {} MiB", limits.max_buffer_size >> 20);
        say!("    binding           {} MiB", limits.max_storage_buffer_binding_size >> 20);
        say!("    workgroup         {} invocations", limits.max_compute_invocations_per_workgroup);
        say!("    workgroup memory  {} KiB", limits.max_compute_workgroup_storage_size >> 10);
        let offered = [
            ("half precision", adapter.features.contains(Features::SHADER_F16)),
            ("subgroups", adapter.features.contains(Features::SUBGROUP)),
            ("timestamps", adapter.features.contains(Features::TIMESTAMP_QUERY)),
        ];
        for (name, there) in offered {
            say!("    {name:17} {}", if there { "yes" } else { "no" });
        }
    }
    let chosen = Device::auto()?;
    say!("\nchosen: {}: {}", chosen.name(), chosen.why());
    say!("Another choice: AUTOROT_DEVICE=auto|gpu|software|cpu|cpu-f64|part of a name");
    Ok(())
}
