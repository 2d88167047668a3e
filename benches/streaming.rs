//! `cargo bench --bench streaming -- FOLDER [GIGABYTES] [DEVICE]`: trains on a file larger than memory, which it writes to the folder
//! unless it is there, and on rows in memory; tells how fast, and how much memory the process took. 20 GB and the CPU by default.

mod say;

use autorot::data::{Npy, Source};
use autorot::{
    Activation, Adam, AutoRotate, Dataset, Dense, Device, Error, Loss, Model, Result, Sequential, Trainer,
};
use say::say;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

const WIDTH: usize = 3072;
const CLASSES: usize = 10;
const BATCH: usize = 128;
/// Rows in memory.
const ROWS: usize = 40_000;

/// Bytes that look random, and are the same every time.
fn bytes(first: u64, count: usize) -> impl Iterator<Item = u8> {
    (first..first + count as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
}

/// Writes an array of bytes.
fn write(
    path: &Path,
    shape: &str,
    count: usize,
    value: impl Fn(u64, usize) -> Vec<u8>,
) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let head = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}");
    let head = format!("{head:<117}\n");
    file.write_all(b"\x93NUMPY\x01\x00")?;
    file.write_all(&(head.len() as u16).to_le_bytes())?;
    file.write_all(head.as_bytes())?;
    let mut first = 0;
    while first < count {
        let part = (count - first).min(1 << 20);
        file.write_all(&value(first as u64, part))?;
        first += part;
    }
    file.flush()
}

/// The largest amount of memory that the process has had so far, in MB.
fn most_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.map_or_else(|| "unknown".to_owned(), |kb| format!("{:.0} MB", kb / 1e3))
}

fn model(device: &Device, rows: &dyn Source) -> Result<Model> {
    let hidden = || Dense::new(512).activation(Activation::Sigmoid).auto_rotate(AutoRotate::new());
    Sequential::for_data(rows.sample()).add(hidden()).add(hidden()).add(Dense::new(CLASSES)).build(device, 0)
}

/// Rows a second over an epoch.
fn speed(device: &Device, rows: &dyn Source, epochs: usize) -> Result<f64> {
    let mut trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy).batch(BATCH).epochs(epochs);
    let history = trainer.fit(&mut model(device, rows)?, rows, None)?;
    let mut speeds: Vec<f64> = history.epochs.iter().map(|epoch| epoch.samples_per_second).collect();
    speeds.sort_by(f64::total_cmp);
    Ok(speeds[speeds.len() / 2])
}

fn main() -> Result<()> {
    let given: Vec<String> = std::env::args().skip(1).filter(|given| !given.starts_with("--")).collect();
    let Some(folder) = given.first().map(Path::new) else {
        return say(
            "name a folder with room for the file: cargo bench --bench streaming -- FOLDER [GIGABYTES] [DEVICE]",
        );
    };
    let size: f64 = given.get(1).and_then(|size| size.parse().ok()).unwrap_or(20.0);
    let device = Device::named(given.get(2).map_or("cpu", String::as_str))?;
    let count = (size * 1e9) as usize / WIDTH;
    let (inputs, labels) =
        (folder.join(format!("inputs-{size}.npy")), folder.join(format!("labels-{size}.npy")));
    if !labels.exists() {
        let value = |first, count| bytes(first, count).collect();
        let label = |first, count| bytes(first, count).map(|byte| byte % CLASSES as u8).collect();
        write(&inputs, &format!("({count}, {WIDTH})"), count * WIDTH, value)
            .map_err(|e| Error::io(&inputs, e))?;
        write(&labels, &format!("({count},)"), count, label).map_err(|e| Error::io(&labels, e))?;
    }
    say(format_args!("{}: {}", device.name(), device.why()))?;
    let rows = Npy::open(&inputs).divide(255.0).labels(&labels).source()?;
    let from_file = speed(&device, &rows, 1)?;
    say(format_args!(
        "{count} rows from a file of {size} GB: {from_file:.0} rows/s, memory at most {}",
        most_memory()
    ))?;
    let values = bytes(0, ROWS * WIDTH).map(|byte| f32::from(byte) / 255.0).collect();
    let labels = bytes(0, ROWS).map(|byte| u32::from(byte) % CLASSES as u32).collect();
    let names = (0..CLASSES).map(|class| class.to_string()).collect();
    let in_memory = speed(&device, &Dataset::classes([WIDTH], values, labels, names)?, 5)?;
    say(format_args!(
        "{ROWS} rows in memory: {in_memory:.0} rows/s; from the file {:.2} of it",
        from_file / in_memory
    ))
}
