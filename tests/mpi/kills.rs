//! Ranks that are killed: the job ends within seconds, and goes on from its checkpoint with another number of processes.

use super::{alone, left, start, trained};
use std::collections::HashMap;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// How long a job may last once one of its ranks is dead.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often in a row a kill may come too late.
const FRUITLESS: usize = 20;

/// The processes of this program that the process of this number has started, itself or by others: MPICH's has one between them.
fn ranks_of(job: u32) -> Vec<u32> {
    let own = std::fs::read_link("/proc/self/exe").unwrap();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let all = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parents: HashMap<u32, u32> = all
        .filter_map(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            Some((pid, stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()?))
        })
        .collect();
    let is_of_job = |pid: u32| {
        std::iter::successors(Some(pid), |pid| parents.get(pid).copied())
            .skip(1)
            .take(8)
            .any(|pid| pid == job)
    };
    let is_rank = |pid: u32| {
        is_of_job(pid) && std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|program| program == own)
    };
    let mut ranks: Vec<u32> = parents.keys().copied().filter(|&pid| is_rank(pid)).collect();
    ranks.sort_unstable();
    ranks
}

/// Waits until there is something, or the job has ended.
fn until(job: &mut Child, is_there: impl Fn() -> bool) -> bool {
    let begin = Instant::now();
    while !is_there() {
        assert!(begin.elapsed() < Duration::from_secs(120), "nothing happens");
        if job.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    true
}

fn checkpoints(folder: &Path) -> usize {
    autorot::train::Checkpoints::list(folder.join("checkpoints")).map_or(0, |list| list.len())
}

/// Trains with a kill of a rank some time after the first checkpoint, over and over with other numbers of processes, until it ends by itself.
fn survives(kills: usize, seed: u64) {
    const EPOCHS: usize = 60;
    let dir = tempfile::tempdir().unwrap();
    let wanted = trained(1, "convolutions", "cpu", EPOCHS, &dir.path().join("whole"));
    let folder = dir.path().join("killed");
    let mut state = seed;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (mut killed, mut fruitless) = (0, 0);
    while killed < kills {
        assert!(
            fruitless < FRUITLESS,
            "{fruitless} times in a row, a job of this machine was over before the kill"
        );
        fruitless += 1;
        let size = [4, 2, 8][killed % 3];
        let mut job = start(size, "convolutions", "cpu", EPOCHS, &folder);
        let number = job.id();
        let started = until(&mut job, || ranks_of(number).len() == size && checkpoints(&folder) > 0);
        if !started {
            let told = job.wait_with_output().unwrap();
            assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
            // It was faster: from the beginning again.
            std::fs::remove_dir_all(&folder).unwrap();
            continue;
        }
        std::thread::sleep(Duration::from_millis(random(400)));
        let ranks = ranks_of(number);
        let Some(rank) = ranks.get(random(ranks.len().max(1) as u64) as usize) else {
            job.wait().unwrap();
            continue;
        };
        let signal = Command::new("kill").args(["-KILL", &rank.to_string()]).status().unwrap();
        if let Some(seen) = until_ended(&mut job) {
            panic!("a job of {size} goes on after its process {rank} was killed ({signal}): {seen}");
        }
        let told = job.wait_with_output().unwrap();
        // One that had ended just before could not be killed.
        if told.status.success() {
            std::fs::remove_dir_all(&folder).unwrap();
            continue;
        }
        assert!(
            signal.success(),
            "a job of {size} failed by itself: {}",
            String::from_utf8_lossy(&told.stderr)
        );
        (killed, fruitless) = (killed + 1, 0);
        assert!(checkpoints(&folder) > 0, "a checkpoint is lost");
    }
    let found = trained(4, "convolutions", "cpu", EPOCHS, &folder);
    assert_eq!(found.0, wanted.0, "the history of a training that was killed {kills} times");
    assert!(found == wanted && left(&folder) == wanted, "other weights");
}

/// Waits until no process of the job is left, or tells what they do. A launcher that outlives them is ended: Open MPI's, version 4.1.4, was
/// seen to wait for itself after one of two hundred kills.
fn until_ended(job: &mut Child) -> Option<String> {
    let begin = Instant::now();
    while job.try_wait().unwrap().is_none() {
        let late = begin.elapsed() > PATIENCE;
        let ranks = ranks_of(job.id());
        if late && ranks.is_empty() {
            drop(job.kill());
        } else if late {
            let state = |pid: u32| {
                let read =
                    |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
                let status = read("status");
                let state =
                    status.lines().find(|line| line.starts_with("State")).unwrap_or("gone").to_owned();
                format!("{pid} {state} {}", read("wchan"))
            };
            drop(job.kill());
            return Some(ranks.into_iter().map(state).collect::<Vec<_>>().join("; "));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
fn a_job_whose_rank_is_killed_ends_and_goes_on() {
    let _alone = alone();
    survives(2, 1);
}

/// Takes minutes: cargo test --release --features cli,mpi --test mpi -- --ignored fifty
#[test]
#[ignore = "fifty kills, which take minutes"]
fn fifty_kills_lose_nothing() {
    let _alone = alone();
    survives(50, 2);
}
