//! The table, and the committed one to compare it with.

use crate::say::say;
use crate::{Result, Told};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The worst of a kernel's variant over the distinct shaders that its options make.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    family: String,
    kernel: String,
    variant: String,
    shaders: usize,
    registers: u64,
    spilled: u64,
    /// Bytes of workgroup memory.
    workgroup: u64,
    waves: u64,
    /// The hottest loop's instructions, of the shader with the lowest share of multiply-adds.
    instructions: usize,
    /// Multiply-adds, percent of the instructions, rounded down.
    multiply_adds: usize,
    /// Milliseconds; differs from run to run, so it is not kept.
    #[serde(skip)]
    compiled: f64,
}

/// The fewest waves of 32 invocations. Older GPUs, with waves of 64 and a fourth of the registers, have fewer.
const WAVES: u64 = 8;
const OLDER: [&str; 2] = ["vega10", "polaris10"];
const MILLISECONDS: f64 = 300.0;

impl Row {
    pub fn of(family: &str, told: &[Told]) -> Self {
        let most = |of: fn(&Told) -> u64| told.iter().map(of).max().unwrap_or_default();
        let lowest = told.iter().min_by(|a, b| a.hottest.share().total_cmp(&b.hottest.share()));
        let hottest = lowest.map(|told| told.hottest.clone()).unwrap_or_default();
        let name = |of: fn(&Told) -> &String| told.first().map(of).cloned().unwrap_or_default();
        Self {
            family: family.to_owned(),
            kernel: name(|told| &told.kernel),
            variant: name(|told| &told.variant),
            shaders: told.len(),
            registers: most(|told| told.registers),
            spilled: most(|told| told.spilled),
            workgroup: most(|told| told.workgroup),
            waves: told.iter().map(|told| told.waves).min().unwrap_or_default(),
            instructions: hottest.instructions,
            multiply_adds: (100.0 * hottest.share()) as usize,
            compiled: told.iter().map(|told| told.compiled).fold(0.0, f64::max),
        }
    }

    /// A row for every kernel's variant, in the order of the names.
    pub fn worst(family: &str, told: Vec<Told>) -> Vec<Self> {
        let mut groups: BTreeMap<_, Vec<Told>> = BTreeMap::new();
        for told in told {
            groups.entry((told.kernel.clone(), told.variant.clone())).or_default().push(told);
        }
        groups.values().map(|told| Self::of(family, told)).collect()
    }

    fn name(&self) -> (&str, &str, &str) {
        (&self.family, &self.kernel, &self.variant)
    }
}

pub fn markdown(rows: &[Row]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header([
        "GPU",
        "kernel",
        "variant",
        "shaders",
        "registers",
        "spilled",
        "workgroup bytes",
        "waves",
        "loop",
        "multiply-adds",
        "ms to compile",
    ]);
    for row in rows {
        table.add_row([
            row.family.clone(),
            row.kernel.clone(),
            row.variant.clone(),
            row.shaders.to_string(),
            row.registers.to_string(),
            row.spilled.to_string(),
            row.workgroup.to_string(),
            row.waves.to_string(),
            row.instructions.to_string(),
            format!("{} %", row.multiply_adds),
            format!("{:.0}", row.compiled),
        ]);
    }
    table.to_string()
}

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

pub fn write(rows: &[Row], drivers: &[String]) -> Result<()> {
    let mut writer = csv::Writer::from_path(path("table.csv"))?;
    rows.iter().try_for_each(|row| writer.serialize(row))?;
    writer.flush()?;
    Ok(std::fs::write(path("drivers.txt"), drivers.join("\n") + "\n")?)
}

/// What is worse than it may be; `only` is the part of their names that the rows were chosen by.
pub fn faults(rows: &[Row], drivers: &[String], only: &str) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for row in rows {
        let name = format!("{} {} {}", row.family, row.kernel, row.variant);
        if row.spilled > 0 {
            faults.push(format!("{name}: {} registers are spilled", row.spilled));
        }
        if row.waves < WAVES && !OLDER.contains(&row.family.as_str()) {
            faults.push(format!("{name}: {} waves, fewer than {WAVES}", row.waves));
        }
        if row.compiled > MILLISECONDS {
            faults.push(format!("{name}: compiled in {:.0} ms, more than {MILLISECONDS}", row.compiled));
        }
    }
    let known = std::fs::read_to_string(path("drivers.txt"))?;
    if !drivers.iter().all(|driver| known.lines().any(|line| line == driver)) {
        say("SKIPPED the comparison with table.csv: another version of the driver made it")?;
        return Ok(faults);
    }
    let mut reader = csv::Reader::from_path(path("table.csv"))?;
    for before in reader.deserialize() {
        let before: Row = before?;
        let Some(row) = rows.iter().find(|row| row.name() == before.name()) else {
            let wanted = rows.iter().any(|row| row.family == before.family) && before.kernel.contains(only);
            if wanted {
                faults.push(format!("{:?}: in table.csv, and nothing was compiled for it", before.name()));
            }
            continue;
        };
        if row.waves < before.waves {
            faults.push(format!("{:?}: {} waves, {} before", row.name(), row.waves, before.waves));
        }
        if row.multiply_adds < before.multiply_adds {
            let (name, now, then) = (before.name(), row.multiply_adds, before.multiply_adds);
            faults.push(format!("{name:?}: multiply-adds are {now} % of the hottest loop, {then} % before"));
        }
    }
    Ok(faults)
}
