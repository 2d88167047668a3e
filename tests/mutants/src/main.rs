//! Mutation testing of autorot: small faults are put into a copy of the crate, many into one build, and the tests are run
//! with one of them on at a time. A fault that no test sees survives and is listed.

mod baseline;
mod find;
mod hunt;
mod mutant;
mod prepare;
mod process;
mod report;
mod rewrite;

use clap::{Parser, ValueEnum};
use std::path::PathBuf;

/// What goes wrong, in words for the person who runs this.
type Result<T> = std::result::Result<T, String>;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Phase {
    /// Draws the sample, writes the mutated copy and builds its tests.
    Build,
    /// Runs every test by itself and notes its time and the mutants that it reaches.
    Baseline,
    /// Runs the tests with one mutant after another.
    Hunt,
}

/// Puts small faults into a copy of the crate, and tells which ones no test sees.
///
/// Each phase is left out where it was done: another call goes on, and calls with different shards share the work.
#[derive(Parser)]
struct Options {
    /// Where the copy, the build, the times and the results lie; another seed or number wants another folder.
    #[arg(long, default_value = "target/mutants")]
    work: PathBuf,
    /// What the sample is drawn by.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Mutants in the sample; at most a third of them in src/kernel.
    #[arg(long, default_value_t = 300)]
    number: usize,
    /// The last phase to run.
    #[arg(long, value_enum, default_value = "hunt")]
    until: Phase,
    /// Which part of the mutants this call runs: K/N, K from 1 to N.
    #[arg(long, default_value = "1/1", value_parser = shard)]
    shard: (u32, u32),
    /// Mutants to run, by number; without it all of the shard that have no result.
    #[arg(long, value_delimiter = ',')]
    only: Vec<u32>,
    /// Runs those again that survived or that no test reached: tests are copied and built anew, new ones are measured.
    #[arg(long)]
    survivors: bool,
    /// Seconds of tests, as they were measured, that a mutant may take; one that no test has caught by then counts as
    /// surviving. Without it all tests that reach it are run.
    #[arg(long)]
    at_most: Option<f64>,
    /// Beginnings of the names of tests whose times and reach are measured again, since they changed.
    #[arg(long, value_delimiter = ',')]
    measure: Vec<String>,
    /// Beginnings of the names of tests to run; without it all.
    #[arg(long, value_delimiter = ',')]
    tests: Vec<String>,
    /// Beginnings of the names of tests to leave out: by default those that read sources or build other programs.
    #[arg(long, value_delimiter = ',', default_value = "tidy::,dependencies::,programs::")]
    skip: Vec<String>,
    /// Only prints what was found so far.
    #[arg(long)]
    report: bool,
}

impl Options {
    /// Whether a test is one to run.
    fn takes(&self, test: &str) -> bool {
        let begins = |names: &[String]| names.iter().any(|name| test.starts_with(name.as_str()));
        (self.tests.is_empty() || begins(&self.tests)) && !begins(&self.skip)
    }
}

fn shard(text: &str) -> std::result::Result<(u32, u32), String> {
    let numbers = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
    match numbers {
        Some((k, n)) if (1..=n).contains(&k) => Ok((k, n)),
        _ => Err("expected K/N, K from 1 to N".into()),
    }
}

fn run(mut options: Options) -> Result<()> {
    std::fs::create_dir_all(&options.work).map_err(|e| format!("{}: {e}", options.work.display()))?;
    options.work = std::path::absolute(&options.work).map_err(|e| e.to_string())?;
    if !options.report {
        let (sample, programs) = prepare::prepare(&options)?;
        if options.until >= Phase::Baseline {
            let tests = baseline::measure(&options, &programs)?;
            if options.until >= Phase::Hunt {
                hunt::hunt(&options, &sample, &tests)?;
            }
        }
    }
    report::print(&options)
}

fn main() {
    if let Err(error) = run(Options::parse()) {
        eprintln!("mutants: {error}");
        std::process::exit(1);
    }
}
