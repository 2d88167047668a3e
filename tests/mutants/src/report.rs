//! What was found, in numbers and as a list of what survived.

use crate::hunt::{Found, Outcome};
use crate::mutant::{Mutant, Sample};
use crate::{Options, Result};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The file of the results, a line for every mutant that was run.
pub fn results(options: &Options) -> PathBuf {
    options.work.join("results.jsonl")
}

/// The last result of every mutant.
pub fn found(options: &Options) -> BTreeMap<u32, Found> {
    let text = std::fs::read_to_string(results(options)).unwrap_or_default();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Found>(line).ok());
    lines.map(|found| (found.mutant, found)).collect()
}

/// Prints how many were caught, by operator and in all, and those that were not.
pub fn print(options: &Options) -> Result<()> {
    let path = options.work.join("sample.json");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let sample: Sample = serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    let found = found(options);
    let of = |mutant: &Mutant| found.get(&mutant.number).map(|found| found.outcome);
    let caught = |mutants: &[&Mutant]| {
        let run: Vec<Outcome> = mutants.iter().filter_map(|m| of(m)).collect();
        let caught = run.iter().filter(|outcome| **outcome < Outcome::Survived).count();
        format!("{caught} caught of {} run, of {} in the sample", run.len(), mutants.len())
    };
    let chosen = |takes: &dyn Fn(&Mutant) -> bool| -> Vec<&Mutant> {
        sample.mutants.iter().filter(|m| takes(m)).collect()
    };
    for (operator, places) in &sample.found {
        println!("{operator}: {} ({places} places)", caught(&chosen(&|m| m.operator == *operator)));
    }
    println!("kernels: {}", caught(&chosen(&Mutant::in_kernel)));
    println!("all: {}", caught(&chosen(&|_| true)));
    let seconds: f64 = found.values().map(|found| found.seconds).sum();
    println!("{seconds:.0} s of tests");
    for outcome in [Outcome::Timeout, Outcome::Survived, Outcome::Unreached] {
        for mutant in sample.mutants.iter().filter(|m| of(m) == Some(outcome)) {
            println!("{outcome:?}: {}", mutant.told());
        }
    }
    Ok(())
}
