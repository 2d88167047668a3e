//! Programs that are run: with a bound on time and memory, and what they print in a file.

use crate::Result;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Addresses that a test may use, in KiB: a mutant that asks for all memory is to end itself alone.
const ADDRESSES: u64 = 32 << 20;

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Passed,
    Failed,
    TimedOut,
}

/// Runs tests of one program by their whole names, in the root of the copy, with folders of their own for caches and
/// temporary files; how they ended, in what time, and what they printed.
pub fn test(
    work: &Path,
    program: &Path,
    names: &[&str],
    environment: (&str, &str),
    limit: Duration,
) -> Result<(End, Duration, String)> {
    let error = |e: std::io::Error| format!("{}: {e}", program.display());
    let own = work.join(format!("run-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&own);
    let temporary = own.join("tmp");
    std::fs::create_dir_all(&temporary).map_err(error)?;
    // Drivers keep their shaders from run to run; what the crate keeps must not reach another mutant.
    let caches = work.join("cache");
    let _ = std::fs::remove_dir_all(caches.join("autorot"));
    std::fs::create_dir_all(&caches).map_err(error)?;
    let printed = own.join("printed");
    let file = File::create(&printed).map_err(error)?;
    let begin = Instant::now();
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(format!("ulimit -v {ADDRESSES}; exec \"$0\" \"$@\""))
        .arg(program)
        .arg("--exact")
        .args(names)
        .current_dir(work.join("tree"))
        .env(environment.0, environment.1)
        .env("XDG_CACHE_HOME", &caches)
        .env("TMPDIR", &temporary)
        .stdin(Stdio::null())
        .stdout(file.try_clone().map_err(error)?)
        .stderr(file)
        .process_group(0)
        .spawn()
        .map_err(error)?;
    let end = loop {
        if let Some(status) = child.try_wait().map_err(error)? {
            break if status.success() { End::Passed } else { End::Failed };
        }
        if begin.elapsed() > limit {
            // With all that it has started.
            let group = format!("-{}", child.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
            child.wait().map_err(error)?;
            break End::TimedOut;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let time = begin.elapsed();
    let text = std::fs::read(&printed).map_err(error)?;
    let _ = std::fs::remove_dir_all(&own);
    Ok((end, time, String::from_utf8_lossy(&text).into_owned()))
}

/// The lines that a program prints to its standard output; an error where it fails.
pub fn lines(command: &mut Command) -> Result<Vec<String>> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|e| format!("{command:?}: {e}"))?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}
