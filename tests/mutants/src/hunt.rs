//! The tests with one mutant after another: only those that reach it, the fastest first, until one fails.

use crate::baseline::{Measured, Tests};
use crate::mutant::{Mutant, Sample};
use crate::process::{End, test};
use crate::{Options, Result, report};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::time::{Duration, Instant};

/// What came of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// A test failed.
    Caught,
    /// Tests took more than three times as long as without it, and 20 seconds.
    Timeout,
    /// All tests that reach it passed.
    Survived,
    /// No test reaches it.
    Unreached,
}

/// A mutant's line among the results.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Found {
    pub mutant: u32,
    pub outcome: Outcome,
    /// The tests that failed, or those that ran when the time was over.
    pub by: Vec<String>,
    /// What it took to find out.
    pub seconds: f64,
}

/// Runs the mutants of the shard that have no result, and keeps a line for each.
pub fn hunt(options: &Options, sample: &Sample, tests: &Tests) -> Result<()> {
    let known = report::found(options);
    let (k, n) = options.shard;
    let mine = sample.mutants.iter().filter(|m| m.number % n == k % n);
    let to_run: Vec<&Mutant> = mine
        .filter(|m| match known.get(&m.number) {
            _ if !options.only.is_empty() => options.only.contains(&m.number),
            Some(found) => options.survivors && found.outcome >= Outcome::Survived,
            None => true,
        })
        .collect();
    let path = report::results(options);
    let error = |e: std::io::Error| format!("{}: {e}", path.display());
    let mut file = std::fs::File::options().append(true).create(true).open(&path).map_err(error)?;
    for (i, mutant) in to_run.iter().enumerate() {
        let found = one(options, mutant, tests)?;
        let line = serde_json::to_string(&found).map_err(|e| e.to_string())?;
        writeln!(file, "{line}").map_err(error)?;
        let by = found.by.first().map(|name| format!(" by {name}")).unwrap_or_default();
        println!(
            "{}/{} {:?}{by} in {:.0} s: {}",
            i + 1,
            to_run.len(),
            found.outcome,
            found.seconds,
            mutant.told()
        );
    }
    Ok(())
}

fn one(options: &Options, mutant: &Mutant, tests: &Tests) -> Result<Found> {
    let mut reaching: Vec<&Measured> =
        tests.measured.iter().filter(|test| test.reaches.contains(&mutant.number)).collect();
    reaching.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let begin = Instant::now();
    let found = |outcome, by| {
        Ok(Found { mutant: mutant.number, outcome, by, seconds: begin.elapsed().as_secs_f64() })
    };
    if reaching.is_empty() {
        return found(Outcome::Unreached, Vec::new());
    }
    // One test at least.
    let (mut sum, mut first) = (0.0, true);
    reaching.retain(|test| {
        sum += test.seconds;
        std::mem::take(&mut first) || options.at_most.is_none_or(|most| sum <= most)
    });
    // Each group takes twice as long as the one before: most mutants fall to the first, and few programs are started.
    let mut seconds = 2.0;
    let mut rest = reaching.as_slice();
    while !rest.is_empty() {
        let mut sum = 0.0;
        let fit = rest.iter().take_while(|test| {
            sum += test.seconds;
            sum <= seconds
        });
        let (group, later) = rest.split_at(fit.count().max(1));
        for (program, path) in &tests.programs {
            let here: Vec<&&Measured> = group.iter().filter(|test| test.program == *program).collect();
            if here.is_empty() {
                continue;
            }
            let names: Vec<&str> = here.iter().map(|test| test.name.as_str()).collect();
            let limit = 20.0 + 3.0 * here.iter().map(|test| test.seconds).sum::<f64>();
            let environment = ("AUTOROT_MUTANT", &*mutant.number.to_string());
            let limit = Duration::from_secs_f64(limit);
            let (end, _, printed) = test(&options.work, path, &names, environment, limit)?;
            match end {
                End::Passed => {}
                End::Failed => return found(Outcome::Caught, failed(&printed, &names)),
                End::TimedOut => {
                    return found(Outcome::Timeout, names.iter().map(|name| (*name).into()).collect());
                }
            }
        }
        (rest, seconds) = (later, 2.0 * seconds);
    }
    found(Outcome::Survived, Vec::new())
}

/// The tests that a program says have failed; all of them where it ended before it could.
fn failed(printed: &str, names: &[&str]) -> Vec<String> {
    let said = |name: &&&str| printed.contains(&format!("test {name} ... FAILED"));
    let failed: Vec<&&str> = names.iter().filter(said).collect();
    let all = failed.is_empty();
    names.iter().filter(|name| all || failed.contains(name)).map(|name| (*name).into()).collect()
}
