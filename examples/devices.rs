//! Lists the adapters that wgpu finds, what each offers, and which device would be chosen.
//!
//! `cargo run --release --example devices`

use autorot::device::adapters;
use autorot::wgpu::Features;
use autorot::{Device, Error, Result};
use clap::Parser;
use std::fmt::Display;
use std::io::{ErrorKind, Write, stdout};

/// Lists the adapters that wgpu finds, what each offers, and which device would be chosen.
#[derive(Parser, Debug)]
#[command(after_help = VARIABLES)]
struct Options {}

const VARIABLES: &str = "\
Environment variables:
  AUTOROT_DEVICE      auto, gpu, software, cpu, cpu-f64, or part of an adapter's name
  AUTOROT_TUNE        on, off, again: whether to time GPU kernel variants, or to time them again
  WGPU_BACKEND        vulkan, metal, dx12, gl, or several separated by commas: use no others
  WGPU_ADAPTER_NAME   part of a name: ignore adapters without it
  WGPU_POWER_PREF     low, high: integrated or discrete GPUs first";

/// Prints a line. A closed pipe, as after `head`, is not an error.
fn say(text: impl Display) -> Result<()> {
    match writeln!(stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::io("standard output", error)),
        _ => Ok(()),
    }
}

fn main() -> Result<()> {
    env_logger::init();
    let Options {} = Options::parse();
    let found = adapters()?;
    if found.is_empty() {
        say("wgpu finds no adapter.")?;
    }
    for adapter in &found {
        let (info, limits) = (&adapter.info, &adapter.limits);
        say(format_args!("{} ({}, {:?})", info.name, info.backend, info.device_type))?;
        if let Some(lack) = &adapter.lacks {
            say(format_args!("    cannot be used    {lack}"))?;
        }
        say(format_args!("    driver            {} {}", info.driver, info.driver_info))?;
        say(format_args!("    subgroup          {} to {}", info.subgroup_min_size, info.subgroup_max_size))?;
        say(format_args!("    buffer            {} MiB", limits.max_buffer_size >> 20))?;
        say(format_args!("    binding           {} MiB", limits.max_storage_buffer_binding_size >> 20))?;
        say(format_args!(
            "    workgroup         {} invocations",
            limits.max_compute_invocations_per_workgroup
        ))?;
        say(format_args!("    workgroup memory  {} KiB", limits.max_compute_workgroup_storage_size >> 10))?;
        let offered = [
            ("half precision", adapter.features.contains(Features::SHADER_F16)),
            ("subgroups", adapter.features.contains(Features::SUBGROUP)),
            ("timestamps", adapter.features.contains(Features::TIMESTAMP_QUERY)),
        ];
        for (name, there) in offered {
            say(format_args!("    {name:17} {}", if there { "yes" } else { "no" }))?;
        }
    }
    let chosen = Device::auto()?;
    say(format_args!("\nchosen: {}: {}", chosen.name(), chosen.why()))?;
    say("To choose another: AUTOROT_DEVICE=auto|gpu|software|cpu|cpu-f64|part of a name")?;
    Ok(())
}
