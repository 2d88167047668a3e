//! No invocation loops for longer than its kernel says, and none for longer than all may: counted by shaders that count.

use crate::common::{gpu, tell};
use crate::counting::{Counter, noting};
use autorot::extend::kernel::{Kernel, MAX_ROUNDS, Traits, registry};
use std::sync::Arc;

/// Loops up to these bounds have at most 64 rounds whatever the sizes; compilers write many of them out. An open bracket stands for
/// whatever follows.
const FIXED: &[&str] =
    &["0u", "8u", "SLICES", "DEPTH", "GATES", "PARTS", "min(4u, ", "min(8u, ", "min(32u, "];

/// The shader with a counter in every loop that may be long; `None` where there is none.
fn counting(source: &str) -> Option<String> {
    let mut counted = 0;
    let declarations =
        "var<private> rounds_so_far: u32;\nfn note() { atomicMax(&counters[0], rounds_so_far); }";
    let out = noting(source, declarations, |code| {
        assert!(!code.contains("loop {") && !code.contains("while ("), "a loop that is not counted: {code}");
        if !code.trim_start().starts_with("for (") {
            return code.to_owned();
        }
        let bound = code.split(';').nth(1).unwrap_or_else(|| panic!("a loop on several lines: {code}"));
        let bound = bound.split(['<', '>']).nth(1).unwrap_or_default().trim();
        if FIXED.iter().any(|fixed| bound == *fixed || fixed.contains('(') && bound.starts_with(fixed)) {
            return code.to_owned();
        }
        counted += 1;
        format!("{code}\nrounds_so_far += 1u;")
    });
    (counted > 0).then_some(out)
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn loops_are_as_short_as_kernels_say() {
    let shared = gpu();
    let counter = Counter::open();
    let (mut checked, mut left_out) = (0, 0);
    for entry in registry::all() {
        let has_loops = entry.examples.iter().any(|kernel| counting(&kernel.source(0)).is_some());
        assert!(
            !has_loops || !entry.long.is_empty(),
            "{}: loops that grow with a size, and no long example in the registry",
            entry.name
        );
        let kernels: Vec<&Arc<dyn Kernel>> = entry.examples.iter().rev().take(1).chain(&entry.long).collect();
        for kernel in kernels {
            // What software adapters take, and what GPUs take.
            let mut variants = vec![kernel.prefer(shared.traits()), kernel.prefer(Traits::default())];
            variants.dedup();
            for variant in variants {
                let source = kernel.source(variant);
                let Some(source) = counting(&source) else { continue };
                if !counter.fits(&**kernel) {
                    left_out += 1;
                    continue;
                }
                let [found, _] = counter.run(&**kernel, variant, &source);
                let said = kernel.rounds(variant);
                let what = format!("{} of {kernel:?}", kernel.variants()[variant]);
                assert!(said <= MAX_ROUNDS, "{what}: says {said} rounds");
                assert!(found as usize <= said + 64, "{what}: {found} rounds, and says {said}");
                checked += 1;
            }
        }
    }
    tell(&format!("{checked} kernels with loops counted, {left_out} left out, which bind too many buffers"));
    assert!(checked > 40 && left_out <= checked / 4, "{checked} kernels with loops, {left_out} left out");
}
