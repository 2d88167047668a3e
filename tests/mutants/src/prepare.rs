//! The copy of the crate, the sample of mutants that compile, and the build of its tests.

use crate::mutant::{Mutant, Sample};
use crate::rewrite::{Rewritten, rewrite};
use crate::{Options, Result, find, process};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program of tests.
pub struct Program {
    /// `lib` or the name of a test's program.
    pub name: String,
    pub path: PathBuf,
}

/// The sample, drawn now or before, and the programs of its tests.
pub fn prepare(options: &Options) -> Result<(Sample, Vec<Program>)> {
    let kept = options.work.join("sample.json");
    let sample = match std::fs::read_to_string(&kept) {
        Ok(text) => {
            let sample: Sample =
                serde_json::from_str(&text).map_err(|e| format!("{}: {e}", kept.display()))?;
            if (sample.seed, sample.number) != (options.seed, options.number) {
                let (seed, number) = (sample.seed, sample.number);
                return Err(format!(
                    "{} holds {number} mutants of seed {seed}: take another --work",
                    kept.display()
                ));
            }
            // The mutants stay where they were drawn; tests may have changed.
            copy(options, |file| !file.starts_with("src/"))?;
            sample
        }
        Err(_) => {
            copy(options, |_| true)?;
            let sample = draw(options)?;
            write(&kept, &serde_json::to_string_pretty(&sample).map_err(|e| e.to_string())?)?;
            sample
        }
    };
    println!("{} mutants, {} more do not compile", sample.mutants.len(), sample.dropped);
    Ok((sample, build(options)?))
}

/// Writes a file unless it is there already: what is not touched is not built again.
fn write(path: &Path, text: impl AsRef<[u8]>) -> Result<()> {
    if std::fs::read(path).is_ok_and(|before| before == text.as_ref()) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, text))
        .map_err(|e| format!("{}: {e}", path.display()))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// Copies the files of the checkout that git does not ignore, and the versions of the dependencies.
fn copy(options: &Options, takes: impl Fn(&str) -> bool) -> Result<()> {
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let listed = process::lines(Command::new("git").args(list))?.concat();
    let listed: BTreeSet<&str> = listed.split('\0').filter(|file| !file.is_empty()).collect();
    let tests = options.work.join("tree/tests");
    remove_others(&tests, &|file| listed.contains(&*format!("tests/{}", file.to_string_lossy())))?;
    for file in listed.into_iter().filter(|file| takes(file)) {
        // A file that was removed is listed until git knows.
        if let Ok(bytes) = std::fs::read(file) {
            write(&options.work.join("tree").join(file), bytes)?;
        }
    }
    match std::fs::read("Cargo.lock") {
        Ok(bytes) => write(&options.work.join("tree/Cargo.lock"), bytes),
        Err(_) => Ok(()),
    }
}

/// Removes the files below a folder that the checkout has no more: a module that has moved would be there twice.
fn remove_others(folder: &Path, is_there: &dyn Fn(&Path) -> bool) -> Result<()> {
    let mut folders = vec![folder.to_owned()];
    while let Some(below) = folders.pop() {
        // None before the first copy.
        for entry in std::fs::read_dir(&below).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.strip_prefix(folder).is_ok_and(|file| !is_there(file)) {
                std::fs::remove_file(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            }
        }
    }
    Ok(())
}

/// The sources that may be mutated, by their paths from the root.
fn sources() -> Result<BTreeMap<String, String>> {
    let listed = process::lines(Command::new("git").args(["ls-files", "--", "src/*.rs"]))?;
    // The registries hold the tests' examples.
    let parts = ["/tests.rs", "/tests/", "/registry.rs", "/registry/"];
    let tests = |file: &String| parts.iter().any(|part| file.contains(part));
    let mut sources = BTreeMap::new();
    for file in listed.into_iter().filter(|file| !tests(file)) {
        let text = String::from_utf8(read(Path::new(&file))?).map_err(|e| format!("{file}: {e}"))?;
        sources.insert(file, text);
    }
    Ok(sources)
}

/// Draws mutants until the asked number compiles.
fn draw(options: &Options) -> Result<Sample> {
    let sources = sources()?;
    let mut all = Vec::new();
    for (file, text) in &sources {
        all.extend(find::find(file, text)?);
    }
    let mut found = BTreeMap::new();
    for mutant in &all {
        *found.entry(mutant.operator.clone()).or_insert(0) += 1;
    }
    println!("{} places in {} files", all.len(), sources.len());
    all.shuffle(&mut ChaCha8Rng::seed_from_u64(options.seed));
    let mut rest = all.into_iter();
    let (mut mutants, mut drawn): (Vec<Mutant>, u32) = (Vec::new(), 0);
    loop {
        while mutants.len() < options.number {
            let kernels = mutants.iter().filter(|m| m.in_kernel()).count();
            let Some(next) = rest.find(|m| !m.in_kernel() || 3 * (kernels + 1) <= options.number) else {
                break;
            };
            drawn += 1;
            mutants.push(Mutant { number: drawn, ..next });
        }
        let broken = check(options, &sources, &mutants)?;
        println!("{} mutants put in, {} of them do not compile", mutants.len(), broken.len());
        if broken.is_empty() {
            let found = found.into_iter().collect();
            let dropped = drawn as usize - mutants.len();
            return Ok(Sample { seed: options.seed, number: options.number, found, dropped, mutants });
        }
        mutants.retain(|m| !broken.contains(&m.number));
    }
}

/// Writes the sources with these mutants in them, has them checked, and tells which mutants are at fault.
fn check(options: &Options, sources: &BTreeMap<String, String>, mutants: &[Mutant]) -> Result<BTreeSet<u32>> {
    let tree = options.work.join("tree");
    let mut rewritten = BTreeMap::new();
    for (file, text) in sources {
        let here: Vec<&Mutant> = mutants.iter().filter(|m| m.file == *file).collect();
        let mut new = rewrite(text, &here);
        if file == "src/lib.rs" {
            new.text += "\n#[doc(hidden)]\npub mod mutants;\n";
        }
        write(&tree.join(file), &new.text)?;
        rewritten.insert(file.as_str(), new);
    }
    write(&tree.join("src/mutants.rs"), include_str!("../switch.rs"))?;
    let (passed, messages) = cargo(options, &["check", "--release", "--lib"])?;
    let mut broken = BTreeSet::new();
    for message in errors(&messages) {
        broken.extend(at_fault(&message["message"], &rewritten));
    }
    if !passed && broken.is_empty() {
        return Err(format!("the copy does not compile, and no mutant is at fault:\n{}", told(&messages)));
    }
    Ok(broken)
}

/// The errors among the compiler's messages.
fn errors(messages: &[Value]) -> impl Iterator<Item = &Value> {
    messages.iter().filter(|m| m["message"]["level"] == "error")
}

/// The errors as the compiler shows them.
fn told(messages: &[Value]) -> String {
    let texts: Vec<&str> = errors(messages).filter_map(|m| m["message"]["rendered"].as_str()).collect();
    texts.join("\n")
}

/// The mutants that an error is about: the innermost around the places it names, or else those within one of them.
fn at_fault(message: &Value, rewritten: &BTreeMap<&str, Rewritten>) -> BTreeSet<u32> {
    let mut spans: Vec<(&Rewritten, bool, Range<usize>)> = Vec::new();
    for span in message["spans"].as_array().into_iter().flatten() {
        let number = |key: &str| span[key].as_u64().and_then(|n| usize::try_from(n).ok());
        let file = span["file_name"].as_str().and_then(|file| rewritten.get(file));
        if let (Some(file), Some(start), Some(end)) = (file, number("byte_start"), number("byte_end")) {
            spans.push((file, span["is_primary"] == true, start..end));
        }
    }
    let innermost = |file: &Rewritten, span: &Range<usize>| {
        let around = file.places.iter().filter(|(_, p)| p.start <= span.start && span.end <= p.end);
        around.min_by_key(|(_, p)| p.len()).map(|(number, _)| *number)
    };
    for primary in [true, false] {
        let named = spans.iter().filter(|(_, is, _)| *is == primary);
        let found: BTreeSet<u32> = named.filter_map(|(file, _, span)| innermost(file, span)).collect();
        if !found.is_empty() {
            return found;
        }
    }
    let within = spans.iter().flat_map(|(file, _, span)| {
        file.places
            .iter()
            .filter(|(_, p)| span.start <= p.start && p.end <= span.end)
            .map(|(number, _)| *number)
    });
    within.collect()
}

/// Runs cargo in the copy: whether it succeeded, and its messages.
fn cargo(options: &Options, arguments: &[&str]) -> Result<(bool, Vec<Value>)> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments).args(["--quiet", "--message-format=json"]).current_dir(options.work.join("tree"));
    // A folder of its own: cargo would give what it builds here the names of what it builds of the checkout.
    command.env("CARGO_TARGET_DIR", options.work.join("build"));
    // A round changes little of what the one before has compiled.
    command.env("CARGO_PROFILE_RELEASE_INCREMENTAL", "true");
    let output = command.stderr(Stdio::inherit()).output().map_err(|e| format!("{command:?}: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let messages: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    Ok((output.status.success(), messages))
}

/// Builds the unit tests and the suite.
fn build(options: &Options) -> Result<Vec<Program>> {
    println!("building the tests");
    let (passed, messages) = cargo(options, &["test", "--release", "--lib", "--test", "suite", "--no-run"])?;
    if !passed {
        return Err(format!("the tests do not build:\n{}", told(&messages)));
    }
    let tests = messages.iter().filter(|m| m["profile"]["test"] == true);
    let programs: Vec<Program> = tests
        .filter_map(|m| {
            let lib = m["target"]["kind"].as_array()?.iter().any(|kind| kind == "lib");
            let name = if lib { "lib" } else { m["target"]["name"].as_str()? };
            Some(Program { name: name.into(), path: m["executable"].as_str()?.into() })
        })
        .collect();
    Ok(programs)
}
