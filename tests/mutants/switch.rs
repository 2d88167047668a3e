//! Which mutant is on: the one that `AUTOROT_MUTANT` numbers, or none. The copy of the crate that is mutated has this file as a
//! module; a program with `AUTOROT_MUTANT_TRACE` has none on and appends to that file the number of every mutant that it reaches.

use std::env;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// More mutants than are compiled into one build.
const MOST: usize = 1 << 16;
/// What [`CHOSEN`] holds before the environment was read, and while a trace is written.
const UNREAD: u32 = u32::MAX;
const TRACED: u32 = u32::MAX - 1;

static CHOSEN: AtomicU32 = AtomicU32::new(UNREAD);
static REACHED: [AtomicBool; MOST] = [const { AtomicBool::new(false) }; MOST];

/// Whether this mutant is on.
#[inline(always)]
pub fn on(mutant: u32) -> bool {
    let chosen = CHOSEN.load(Relaxed);
    chosen == mutant || (chosen >= TRACED && ask(mutant))
}

#[cold]
#[inline(never)]
fn ask(mutant: u32) -> bool {
    if CHOSEN.load(Relaxed) == UNREAD {
        let number = env::var("AUTOROT_MUTANT").ok().and_then(|number| number.parse().ok());
        let traced = env::var_os("AUTOROT_MUTANT_TRACE").is_some();
        CHOSEN.store(if traced { TRACED } else { number.unwrap_or(0) }, Relaxed);
        return on(mutant);
    }
    let reached = &REACHED[mutant as usize];
    if !reached.load(Relaxed) && !reached.swap(true, Relaxed) {
        let file = env::var_os("AUTOROT_MUTANT_TRACE").unwrap_or_default();
        let file = std::fs::File::options().append(true).create(true).open(file);
        if file.and_then(|mut file| file.write_all(format!("{mutant}\n").as_bytes())).is_err() {
            // A trace with holes would hide mutants from their tests.
            std::process::abort();
        }
    }
    false
}
