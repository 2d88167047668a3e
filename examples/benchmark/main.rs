//! Times training steps and single products on the GPU and on the CPU: one table of workloads × devices.
//!
//! `cargo run --release --example benchmark -- --help`

mod peak;
mod product;
mod report;
mod step;
#[path = "../../benches/workloads/mod.rs"]
mod workloads;

use autorot::{Device, Result};
use clap::Parser;
use peak::Peak;
use report::Row;
use std::path::PathBuf;

/// Times training steps and single products on the GPU and on the CPU.
#[derive(clap::Parser, Debug)]
struct Options {
    /// The devices to time, by name; default: the CPU, and the best adapter if there is one.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    devices: Vec<String>,
    /// Only workloads whose name contains this.
    #[arg(long, value_name = "PART", default_value = "")]
    only: String,
    /// Seconds to spend on every number.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Writes the table as JSON, too.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

fn main() {
    env_logger::init();
    if let Err(error) = run(&Options::parse()) {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}

fn run(options: &Options) -> Result<()> {
    let devices = if options.devices.is_empty() {
        // Without an adapter there is still the CPU to time.
        [Some(Device::cpu()), Device::gpu().ok()].into_iter().flatten().collect()
    } else {
        options.devices.iter().map(|name| Device::named(name)).collect::<Result<Vec<_>>>()?
    };
    let mut rows: Vec<Row> = Vec::new();
    for device in &devices {
        let peak = Peak::measure(device, options.seconds)?;
        println!("{}: {peak}", device.name());
        for workload in workloads::WORKLOADS.iter().filter(|w| w.name.contains(&options.only)) {
            let row = step::time(device, workload, options.seconds, &peak)?;
            println!("{}", row.line());
            rows.push(row);
        }
        for &(m, k, n) in
            workloads::PRODUCTS.iter().filter(|s| workloads::product_name(**s).contains(&options.only))
        {
            let row = product::time(device, (m, k, n), options.seconds, &peak)?;
            println!("{}", row.line());
            rows.push(row);
        }
    }
    println!("\n{}", report::table(&rows));
    if let Some(path) = &options.report {
        report::save(path, &rows)?;
    }
    Ok(())
}

/// The median of some numbers.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
