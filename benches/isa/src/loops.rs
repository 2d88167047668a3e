//! What the loops of a shader's machine code are made of.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A loop of a shader.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Loop {
    pub instructions: usize,
    pub multiply_adds: usize,
    /// Loads and stores of buffers.
    pub memory: usize,
    /// Loads and stores of workgroup memory.
    pub workgroup: usize,
    /// The instructions.
    pub text: String,
}

impl Loop {
    fn of(lines: &[&str]) -> Self {
        let names = || lines.iter().filter_map(|line| line.split_whitespace().next());
        let count = |begins: &[&str]| {
            names().filter(|name| begins.iter().any(|begin| name.starts_with(begin))).count()
        };
        Self {
            instructions: lines.len(),
            multiply_adds: names().filter(|name| is_multiply_add(name)).count(),
            memory: count(&["buffer_", "global_", "flat_", "scratch_"]),
            workgroup: count(&["ds_"]),
            text: lines.join("\n"),
        }
    }

    /// The share of instructions that are multiply-adds.
    pub fn share(&self) -> f64 {
        self.multiply_adds as f64 / self.instructions.max(1) as f64
    }
}

/// Whether an instruction is a multiply-add, or two of them at once.
fn is_multiply_add(name: &str) -> bool {
    let name = name.trim_start_matches("v_").trim_start_matches("dual_");
    ["fma", "fmac", "mac", "mad_f", "pk_fma"].iter().any(|kind| name.starts_with(kind))
}

/// The innermost loop with the most multiply-adds, or without any the longest one; an empty one if there is none.
pub fn hottest(assembly: &str) -> Loop {
    let mut blocks: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in assembly.lines() {
        if let Some(label) = line.strip_suffix(':').filter(|label| label.starts_with("BB")) {
            blocks.push((label, Vec::new()));
        } else if let (Some(instruction), Some((_, lines))) = (line.strip_prefix('\t'), blocks.last_mut()) {
            lines.push(instruction.split(';').next().unwrap_or_default().trim());
        }
    }
    let place: HashMap<&str, usize> = blocks.iter().enumerate().map(|(i, (label, _))| (*label, i)).collect();
    let mut loops: Vec<(usize, usize)> = Vec::new();
    for (end, (_, lines)) in blocks.iter().enumerate() {
        let targets =
            lines.iter().filter(|line| line.starts_with("s_branch") || line.starts_with("s_cbranch"));
        let begins = targets.filter_map(|line| place.get(line.split_whitespace().nth(1)?).copied());
        loops.extend(begins.filter(|begin| *begin <= end).map(|begin| (begin, end)));
    }
    let innermost = |&&(begin, end): &&(usize, usize)| {
        !loops.iter().any(|&(b, e)| (b, e) != (begin, end) && begin <= b && e <= end)
    };
    let bodies = loops.iter().filter(innermost).map(|&(begin, end)| {
        let lines: Vec<&str> =
            blocks[begin..=end].iter().flat_map(|(_, lines)| lines.iter().copied()).collect();
        Loop::of(&lines)
    });
    bodies.max_by_key(|body| (body.multiply_adds, body.instructions)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hottest_loop_is_the_innermost_one_with_the_most_multiply_adds() {
        let assembly = "\
BB0:
\tv_fma_f32 v0, v1, v2, v3                                    ; d6130000
BB1:
\ts_nop 0
BB2:
\tbuffer_load_dwordx4 v[0:3], v0, s[0:3], 0 offen ; e0
\tv_fmac_f32_e32 v0, v1, v2
\tv_dual_fmac_f32 v4, v5, v6 :: v_dual_fmac_f32 v7, v8, v9
\ts_cbranch_scc1 BB2
BB3:
\tds_load_b128 v[0:3], v1
\ts_cbranch_scc0 BB3
\ts_branch BB1
BB4:
\ts_endpgm
";
        let found = hottest(assembly);
        assert_eq!((found.instructions, found.multiply_adds, found.memory, found.workgroup), (4, 2, 1, 0));
        assert_eq!(found.share(), 0.5);
        assert!(found.text.starts_with("buffer_load_dwordx4"));
        assert_eq!(hottest("BB0:\n\ts_endpgm\n"), Loop::default());
    }
}
