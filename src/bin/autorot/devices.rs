//! The devices there are.

use crate::say::Output;
use autorot::device::{AdapterReport, adapters};
use autorot::wgpu::Features;
use autorot::{Device, Result};
use serde_json::{Value, json};

/// Lists the adapters that wgpu finds, what each offers, and which device would be chosen.
///
/// Example: autorot devices --json
#[derive(clap::Args, Debug)]
#[command(after_help = VARIABLES)]
pub struct Devices {}

const VARIABLES: &str = "\
Environment variables:
  AUTOROT_DEVICE      auto, gpu, software, cpu, cpu-f64, or part of an adapter's name
  AUTOROT_TUNE        on, off, again: whether to time GPU kernel variants, or to time them again
  WGPU_BACKEND        vulkan, metal, dx12, gl, or several separated by commas: use no others
  WGPU_ADAPTER_NAME   part of a name: ignore adapters without it
  WGPU_POWER_PREF     low, high: integrated or discrete GPUs first";

impl Devices {
    pub fn run(&self, output: &Output) -> Result<()> {
        let found = adapters()?;
        let chosen = Device::auto()?;
        let json = json!({
            "adapters": found.iter().map(told).collect::<Vec<_>>(),
            "chosen": { "name": chosen.name(), "why": chosen.why() },
        });
        output.tell(&json, || {
            let mut text = if found.is_empty() { "wgpu finds no adapter.\n".to_owned() } else { String::new() };
            for adapter in &found {
                text += &lines(adapter);
            }
            text + &format!(
                "\nchosen: {}: {}\nto choose another: --device or AUTOROT_DEVICE, auto|gpu|software|cpu|cpu-f64|part of a name",
                chosen.name(),
                chosen.why()
            )
        });
        Ok(())
    }
}

/// What matters of the optional features.
const OFFERED: [(&str, Features); 3] = [
    ("half precision", Features::SHADER_F16),
    ("subgroups", Features::SUBGROUP),
    ("timestamps", Features::TIMESTAMP_QUERY),
];

fn told(adapter: &AdapterReport) -> Value {
    let AdapterReport { info, limits, features, lacks } = adapter;
    let offered = OFFERED.iter().filter(|(_, feature)| features.contains(*feature)).map(|(name, _)| *name);
    json!({
        "name": info.name, "backend": info.backend.to_string(), "type": format!("{:?}", info.device_type),
        "driver": info.driver, "driver_info": info.driver_info,
        "subgroup": [info.subgroup_min_size, info.subgroup_max_size],
        "max_buffer_size": limits.max_buffer_size, "max_binding_size": limits.max_storage_buffer_binding_size,
        "max_invocations": limits.max_compute_invocations_per_workgroup,
        "workgroup_memory": limits.max_compute_workgroup_storage_size,
        "features": offered.collect::<Vec<_>>(), "lacks": lacks,
    })
}

fn lines(adapter: &AdapterReport) -> String {
    let AdapterReport { info, limits, features, lacks } = adapter;
    let mut text = format!("{} ({}, {:?})\n", info.name, info.backend, info.device_type);
    let mut add = |name: &str, value: String| text += &format!("    {name:17} {value}\n");
    if let Some(lack) = lacks {
        add("cannot be used", lack.clone());
    }
    add("driver", format!("{} {}", info.driver, info.driver_info));
    add("subgroup", format!("{} to {}", info.subgroup_min_size, info.subgroup_max_size));
    add("buffer", format!("{} MiB", limits.max_buffer_size >> 20));
    add("binding", format!("{} MiB", limits.max_storage_buffer_binding_size >> 20));
    add("workgroup", format!("{} invocations", limits.max_compute_invocations_per_workgroup));
    add("workgroup memory", format!("{} KiB", limits.max_compute_workgroup_storage_size >> 10));
    for (name, feature) in OFFERED {
        add(name, if features.contains(feature) { "yes" } else { "no" }.to_owned());
    }
    text
}
