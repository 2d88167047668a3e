//! What every test takes, and which mutants it reaches: each runs once by itself with no mutant on.

use crate::prepare::Program;
use crate::process::{End, lines, test};
use crate::{Options, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// A test as it was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// The program that it is in.
    pub program: String,
    pub name: String,
    pub passed: bool,
    pub seconds: f64,
    /// The mutants that it reaches.
    pub reaches: BTreeSet<u32>,
}

/// The tests that pass, and where their programs are.
pub struct Tests {
    pub measured: Vec<Measured>,
    pub programs: BTreeMap<String, PathBuf>,
}

/// The file that measured tests are kept in, a line each; a later line about a test replaces the earlier ones.
fn kept(options: &Options) -> PathBuf {
    options.work.join("baseline.jsonl")
}

/// The tests measured so far, by program and name.
fn known(options: &Options) -> BTreeMap<(String, String), Measured> {
    let text = std::fs::read_to_string(kept(options)).unwrap_or_default();
    let tests = text.lines().filter_map(|line| serde_json::from_str::<Measured>(line).ok());
    tests.map(|test| ((test.program.clone(), test.name.clone()), test)).collect()
}

/// Measures the tests that are not known yet, and those that are to be measured again.
pub fn measure(options: &Options, programs: &[Program]) -> Result<Tests> {
    let error = |e: std::io::Error| format!("{}: {e}", kept(options).display());
    let mut known = known(options);
    let mut file = std::fs::File::options().append(true).create(true).open(kept(options)).map_err(error)?;
    let mut measured = Vec::new();
    for program in programs {
        let list = |more: &[&str]| {
            let mut command = Command::new(&program.path);
            command.args(["--list", "--format", "terse"]).args(more).current_dir(options.work.join("tree"));
            let lines = lines(&mut command)?;
            Ok::<BTreeSet<String>, String>(
                lines.iter().filter_map(|line| line.strip_suffix(": test").map(str::to_owned)).collect(),
            )
        };
        let ignored = list(&["--ignored"])?;
        for name in list(&[])?.difference(&ignored).filter(|name| options.takes(name)) {
            let again = options.measure.iter().any(|begin| name.starts_with(begin.as_str()));
            let found = known.remove(&(program.name.clone(), name.clone())).filter(|_| !again);
            let one = match found {
                Some(one) => one,
                None => {
                    let one = single(options, program, name)?;
                    let line = serde_json::to_string(&one).map_err(|e| e.to_string())?;
                    writeln!(file, "{line}").map_err(error)?;
                    one
                }
            };
            if one.passed {
                measured.push(one);
            } else {
                println!("left out, as it fails without a mutant: {name}");
            }
        }
    }
    let all: f64 = measured.iter().map(|test| test.seconds).sum();
    println!("{} tests, which take {all:.0} s one by one", measured.len());
    let programs = programs.iter().map(|p| (p.name.clone(), p.path.clone())).collect();
    Ok(Tests { measured, programs })
}

fn single(options: &Options, program: &Program, name: &str) -> Result<Measured> {
    let trace = options.work.join(format!("trace-{}", std::process::id()));
    let _ = std::fs::remove_file(&trace);
    let environment = ("AUTOROT_MUTANT_TRACE", trace.to_str().ok_or("--work is no UTF-8")?);
    let hour = Duration::from_secs(3600);
    let (end, time, printed) = test(&options.work, &program.path, &[name], environment, hour)?;
    let reached = std::fs::read_to_string(&trace).unwrap_or_default();
    let _ = std::fs::remove_file(&trace);
    if end != End::Passed {
        println!("{printed}");
    }
    Ok(Measured {
        program: program.name.clone(),
        name: name.into(),
        passed: end == End::Passed,
        seconds: time.as_secs_f64(),
        reaches: reached.lines().filter_map(|line| line.parse().ok()).collect(),
    })
}
