//! Times training steps of burn, workload by workload: the peer of autorot's example `benchmark`.
//!
//! `cargo run --release -- --help`

mod train;

use burn::tensor::{Device, DeviceKind};
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use train::workloads;

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Kind {
    Wgpu,
    /// burn's own kernels for the CPU.
    Flex,
}

/// Times training steps of burn: forward, backward, Adam's update. All nets are classic: burn has no auto-rotation.
///
/// Every workload runs in a process of its own without any cache on disk, so that its first step is a cold one.
#[derive(Parser)]
struct Options {
    /// Only workloads whose name contains this.
    #[arg(long, value_name = "PART", default_value = "")]
    only: String,
    /// Steps to time, after a first one and a block to warm up.
    #[arg(long, value_name = "N", default_value_t = 320)]
    steps: usize,
    /// Steps before waiting for the device: the median is one of blocks.
    #[arg(long, value_name = "N", default_value_t = 32)]
    block: usize,
    #[arg(long, value_enum, default_value_t = Kind::Wgpu)]
    backend: Kind,
    /// Takes the software adapter, not the GPU.
    #[arg(long)]
    software: bool,
    /// Writes the rows as JSON, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Runs this workload, here.
    #[arg(long, hide = true)]
    workload: Option<usize>,
}

fn main() {
    let options = Options::parse();
    if let Some(index) = options.workload {
        println!("{}", row(index, &options));
        return;
    }
    let mut rows = Vec::new();
    let mut failed = false;
    println!("{:32} {:>10} {:>10} {:>13}  device", "workload", "classic ms", "GFLOP/s", "first step s");
    for (index, workload) in workloads().iter().enumerate().filter(|(_, w)| w.name.contains(&options.only)) {
        match run_apart(index, &options) {
            Ok(row) => {
                let number = |key: &str| row[key].as_f64().unwrap_or(f64::NAN);
                println!(
                    "{:32} {:10.3} {:10.1} {:13.2}  {}, {}",
                    workload.name,
                    number("classic_ms"),
                    number("gflops"),
                    number("first_step_s"),
                    row["device"].as_str().unwrap_or(""),
                    row["mode"].as_str().unwrap_or(""),
                );
                rows.push(row);
            }
            Err(why) => {
                eprintln!("{}: {why}", workload.name);
                failed = true;
            }
        }
    }
    if let Some(path) = &options.json {
        std::fs::write(path, format!("{:#}\n", Value::Array(rows))).expect("the file can be written");
    }
    std::process::exit(failed.into());
}

/// Runs a workload in a process of its own, whose caches live in a folder that goes with it.
fn run_apart(index: usize, options: &Options) -> Result<Value, String> {
    let folder = std::env::temp_dir().join(format!("peer-burn-{}-{index}", std::process::id()));
    let answer = run_in(&folder, index, options);
    let _ = std::fs::remove_dir_all(&folder);
    answer
}

fn run_in(folder: &Path, index: usize, options: &Options) -> Result<Value, String> {
    let text = |e: std::io::Error| e.to_string();
    std::fs::create_dir_all(folder).map_err(text)?;
    std::fs::write(folder.join("cubecl.toml"), "[autotune]\ncache = \"local\"\n").map_err(text)?;
    let backend = options.backend.to_possible_value().expect("every backend has a name");
    let mut command = Command::new(std::env::current_exe().map_err(text)?);
    command
        .args(["--workload", &index.to_string(), "--steps", &options.steps.to_string()])
        .args(["--block", &options.block.to_string(), "--backend", backend.get_name()])
        .args(options.software.then_some("--software"))
        .current_dir(folder)
        .env("MESA_SHADER_CACHE_DISABLE", "true")
        .env("__GL_SHADER_DISK_CACHE", "0")
        .stderr(Stdio::inherit());
    let output = command.output().map_err(text)?;
    if !output.status.success() {
        return Err(output.status.to_string());
    }
    let lines = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(lines.lines().last().unwrap_or("")).map_err(|e| e.to_string())
}

/// Runs a workload in this process.
fn row(index: usize, options: &Options) -> Value {
    let workload = &workloads()[index];
    let (device, mode) = match options.backend {
        Kind::Wgpu => {
            let kind = if options.software { DeviceKind::Cpu } else { DeviceKind::DefaultDevice };
            (Device::wgpu(kind), if cfg!(feature = "spirv") { "wgpu, SPIR-V" } else { "wgpu, WGSL" })
        }
        Kind::Flex => (Device::flex(), "flex"),
    };
    let name = device.identity().map_or_else(|| "cpu".to_owned(), |identity| identity.name);
    let times = train::time(workload, &device.autodiff(), options);
    assert!(times.loss.is_finite(), "the loss is {}", times.loss);
    let ms = median(times.blocks);
    json!({
        "peer": "burn 0.22.1",
        "mode": mode,
        "device": name,
        "workload": workload.name,
        "ms": null,
        "classic_ms": ms,
        "ratio": null,
        "samples_per_second": 1e3 * workload.batch as f64 / ms,
        "gflops": workload.flops() / ms / 1e6,
        "first_step_s": times.first_step_s,
        "loss": times.loss,
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
