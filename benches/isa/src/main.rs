//! Compiles every kernel variant that GPUs may be given with Mesa's compiler for AMD's GPUs, which needs no GPU, and tells what came
//! of each: registers, spills, workgroup memory, waves, what its hottest loop is made of, and the time to compile it.
//!
//! `cargo run --release --manifest-path benches/isa/Cargo.toml` prints the table, `-- --check` compares it with table.csv.

mod driver;
mod loops;
#[path = "../../say/mod.rs"]
mod say;
mod shaders;
mod table;

use clap::Parser;
use driver::Driver;
use say::say;
use serde::{Deserialize, Serialize};
use shaders::Shader;
use std::process::{Command, Stdio};
use table::Row;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Compiles kernels for GPUs that are not there, with Mesa's driver for AMD's.
#[derive(Parser)]
struct Options {
    /// The GPUs, as `RADV_FORCE_FAMILY` names them, separated by commas: RDNA 3, RDNA 2, GCN 5 and GCN 4.
    #[arg(long, value_delimiter = ',', default_value = "gfx1100,navi21,vega10,polaris10")]
    families: Vec<String>,
    /// Only kernels whose name contains this.
    #[arg(long, value_name = "PART", default_value = "")]
    only: String,
    /// Prints every shader instead of the worst of each kernel's variant.
    #[arg(long, conflicts_with = "check")]
    all: bool,
    /// Prints the instructions of the hottest loops, too.
    #[arg(long)]
    show: bool,
    /// Fails if a kernel spills, has fewer than 8 waves, takes over 0.3 s to compile, or has a lower share of multiply-adds than table.csv.
    #[arg(long)]
    check: bool,
    /// Writes table.csv.
    #[arg(long, conflicts_with_all = ["only", "all", "check"])]
    write: bool,
    /// Prints what the driver of this process tells, as JSON: how a GPU's own process is started.
    #[arg(long, hide = true)]
    told: bool,
}

/// What the compiler tells of a shader.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Told {
    kernel: String,
    variant: String,
    registers: u64,
    /// Registers that do not fit, and go to memory.
    spilled: u64,
    /// Bytes of workgroup memory.
    workgroup: u64,
    /// Waves that fit a SIMD unit.
    waves: u64,
    /// The hottest loop.
    hottest: loops::Loop,
    /// Milliseconds.
    compiled: f64,
}

/// What the compiler for a GPU tells of all shaders.
#[derive(Debug, Serialize, Deserialize)]
struct Report {
    /// The driver and its version.
    driver: String,
    told: Vec<Told>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if options.told { tell(&options) } else { run(&options) }
}

/// The part of the process of one GPU.
fn tell(options: &Options) -> Result<()> {
    let driver = Driver::open()?;
    let mut told = Vec::new();
    for Shader { kernel, variant, words } in shaders::all(&options.only)? {
        let compiled = driver.compile(&words).map_err(|error| format!("{kernel} {variant}: {error}"))?;
        let statistic = |name: &str| compiled.statistics.get(name).copied().unwrap_or_default();
        told.push(Told {
            registers: statistic("VGPRs"),
            spilled: statistic("Spilled VGPRs") + statistic("Spilled SGPRs"),
            workgroup: statistic("LDS size"),
            waves: statistic("Subgroups per SIMD"),
            hottest: loops::hottest(&compiled.assembly),
            compiled: compiled.milliseconds,
            kernel,
            variant,
        });
    }
    Ok(say(serde_json::to_string(&Report { driver: driver.name, told })?)?)
}

fn run(options: &Options) -> Result<()> {
    if !driver::installed() {
        let missing = "SKIPPED: Mesa's driver for AMD's GPUs is not installed (Debian: mesa-vulkan-drivers)";
        return Ok(say(missing)?);
    }
    // The driver takes the GPU from its process' environment.
    let start = |family: &String| {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--told", "--only", &options.only]).env("RADV_FORCE_FAMILY", family);
        driver::only_this_one(&mut command);
        command.stdout(Stdio::piped()).spawn()
    };
    let started = options.families.iter().map(|family| Ok((family, start(family)?)));
    let mut rows = Vec::new();
    let mut drivers = Vec::new();
    for (family, child) in started.collect::<std::io::Result<Vec<_>>>()? {
        let output = child.wait_with_output()?;
        if !output.status.success() {
            return Err(format!("{family}: the process that compiles for it failed").into());
        }
        let Report { driver, told } = serde_json::from_slice(&output.stdout)?;
        drivers.push(driver);
        for told in told.iter().filter(|_| options.show) {
            say(format_args!("{family} {} {}:\n{}", told.kernel, told.variant, told.hottest.text))?;
        }
        rows.extend(if options.all {
            told.iter().map(|told| Row::of(family, std::slice::from_ref(told))).collect()
        } else {
            Row::worst(family, told)
        });
    }
    if options.write {
        table::write(&rows, &drivers)?;
    }
    if !options.check {
        return Ok(say(format_args!("{}\n{}", drivers.join("\n"), table::markdown(&rows)))?);
    }
    let faults = table::faults(&rows, &drivers, &options.only)?;
    faults.iter().try_for_each(say)?;
    match faults.len() {
        0 => Ok(say(format_args!("{} rows, none of them worse than it may be", rows.len()))?),
        count => Err(format!("{count} faults").into()),
    }
}
