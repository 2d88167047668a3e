//! Times training steps and single products on the GPU and on the CPU: one table of workloads × devices.
//!
//! `cargo run --release --example benchmark -- --help`

mod say;
mod timing;
#[allow(dead_code, reason = "shared with the other benches")]
mod workloads;

use autorot::{AutoRotate, Device, Error, Result, Rule};
use clap::Parser;
use say::say;
use std::path::PathBuf;
use timing::peak::Peak;
use timing::report::{self, Row};
use timing::{predict, product, step};

/// Times training steps and single products on the GPU and on the CPU.
#[derive(clap::Parser, Debug)]
#[command(after_help = format!("Workloads:\n  {}", workloads::names().join("\n  ")))]
struct Options {
    /// The devices to time, separated by commas: auto, gpu, software, cpu, cpu-f64 or parts of the names of adapters, which the
    /// example devices lists [default: the CPU, and the best adapter if there is one].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    devices: Vec<String>,
    /// Only workloads whose name contains this; all of them are listed below.
    #[arg(long, value_name = "PART", default_value = "")]
    only: String,
    /// Seconds to spend on every number.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Times predictions of single rows instead of training steps.
    #[arg(long)]
    predict: bool,
    /// How neurons are auto-rotated.
    #[arg(long, value_enum, value_name = "NAME", default_value_t = RuleName::Diagonal)]
    rule: RuleName,
    /// Writes the table as JSON, too.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum RuleName {
    Diagonal,
    Aligned,
    Critical,
}

impl RuleName {
    fn auto_rotate(self) -> AutoRotate {
        match self {
            Self::Diagonal => AutoRotate::new(),
            Self::Aligned => AutoRotate::new().rule(Rule::Aligned),
            Self::Critical => AutoRotate::critical(),
        }
    }
}

impl Options {
    /// What can be told to be wrong before anything is timed.
    fn check(&self) -> Result<()> {
        if !workloads::names().iter().any(|name| name.contains(&self.only)) {
            let names = format!("part of one of these names: {}", workloads::names().join(", "));
            return Err(Error::invalid(
                "--only",
                format!("{:?}", self.only),
                names,
                "correct it, or leave it out",
            ));
        }
        if !(self.seconds.is_finite() && self.seconds > 0.0) {
            return Err(Error::invalid("--seconds", self.seconds, "a finite number above 0", "correct it"));
        }
        Ok(())
    }
}

fn main() -> Result<()> {
    env_logger::init();
    let options = Options::parse();
    options.check()?;
    let devices = if options.devices.is_empty() {
        // Without an adapter there is still the CPU to time.
        [Some(Device::cpu()), Device::gpu().ok()].into_iter().flatten().collect()
    } else {
        options.devices.iter().map(|name| Device::named(name)).collect::<Result<Vec<_>>>()?
    };
    let mut rows: Vec<Row> = Vec::new();
    for device in &devices {
        let peak = Peak::measure(device, options.seconds)?;
        say(format_args!("{}: {peak}", device.name()))?;
        for workload in workloads::all().iter().filter(|w| w.name.contains(&options.only)) {
            let time = if options.predict { predict::time } else { step::time };
            let row = time(device, workload, options.rule.auto_rotate(), options.seconds, &peak)?;
            say(row.line())?;
            rows.push(row);
        }
        let products = if options.predict { &[][..] } else { &workloads::PRODUCTS[..] };
        for &(m, k, n) in products.iter().filter(|s| workloads::product_name(**s).contains(&options.only)) {
            let row = product::time(device, (m, k, n), options.seconds, &peak)?;
            say(row.line())?;
            rows.push(row);
        }
    }
    say(format_args!("\n{}", report::table(&rows)))?;
    if let Some(path) = &options.report {
        report::save(path, &rows)?;
    }
    Ok(())
}
