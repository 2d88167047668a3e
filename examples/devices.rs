//! Lists the adapters that wgpu finds, what each offers, and which device would be chosen.
//!
//! `cargo run --release --example devices`

use autorot::Device;
use autorot::device::adapters;
use autorot::wgpu::Features;

fn main() -> autorot::Result<()> {
    env_logger::init();
    let found = adapters();
    if found.is_empty() {
        println!("wgpu finds no adapter.");
    }
    for adapter in &found {
        let (info, limits) = (&adapter.info, &adapter.limits);
        println!("{} ({}, {:?})", info.name, info.backend, info.device_type);
        if let Some(lack) = &adapter.lacks {
            println!("    cannot be used    {lack}");
        }
        println!("    driver            {} {}", info.driver, info.driver_info);
        println!("    subgroup          {} to {}", info.subgroup_min_size, info.subgroup_max_size);
        println!("    buffer            {} MiB", limits.max_buffer_size >> 20);
        println!("    binding           {} MiB", limits.max_storage_buffer_binding_size >> 20);
        println!("    workgroup         {} invocations", limits.max_compute_invocations_per_workgroup);
        println!("    workgroup memory  {} KiB", limits.max_compute_workgroup_storage_size >> 10);
        let offered = [
            ("half precision", adapter.features.contains(Features::SHADER_F16)),
            ("subgroups", adapter.features.contains(Features::SUBGROUP)),
            ("timestamps", adapter.features.contains(Features::TIMESTAMP_QUERY)),
        ];
        for (name, there) in offered {
            println!("    {name:17} {}", if there { "yes" } else { "no" });
        }
    }
    let chosen = Device::auto()?;
    println!("\nchosen: {}: {}", chosen.name(), chosen.why());
    println!("Another choice: AUTOROT_DEVICE=auto|gpu|software|cpu|cpu-f64|part of a name");
    Ok(())
}
