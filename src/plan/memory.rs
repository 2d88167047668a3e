//! Lays the scratch buffers of a plan into as few slots as their lifetimes allow.

use super::{Buffer, Home, Op};

/// Gives every scratch buffer a slot; returns the slots' lengths. Two buffers share a slot only when the last op
/// that touches one comes before the first that touches the other. Buffers in `kept` live to the end.
pub(super) fn assign(buffers: &mut [Buffer], ops: &[Op], kept: &[usize]) -> Vec<usize> {
    let mut lifetimes: Vec<Option<(usize, usize)>> = vec![None; buffers.len()];
    for (time, op) in ops.iter().enumerate() {
        for view in &op.args {
            let lifetime = lifetimes[view.buffer].get_or_insert((time, time));
            lifetime.1 = time;
        }
    }
    for &buffer in kept {
        let first = lifetimes[buffer].map_or(0, |(first, _)| first);
        lifetimes[buffer] = Some((first, usize::MAX));
    }
    let mut order: Vec<usize> =
        (0..buffers.len()).filter(|&b| matches!(buffers[b].home, Home::Scratch(_))).collect();
    order.sort_by_key(|&b| lifetimes[b].map_or(0, |(first, _)| first));
    // Each slot's length and the time of its present owner's last use.
    let mut slots: Vec<(usize, usize)> = Vec::new();
    for b in order {
        let (first, last) = lifetimes[b].unwrap_or((0, 0));
        let len = buffers[b].len;
        // The free slot that wastes least; growing one is better than opening another.
        let free = (0..slots.len()).filter(|&s| slots[s].1 < first);
        let best = free.min_by_key(|&s| (slots[s].0 < len, slots[s].0.abs_diff(len)));
        let slot = best.unwrap_or_else(|| {
            slots.push((0, 0));
            slots.len() - 1
        });
        slots[slot] = (slots[slot].0.max(len), last);
        buffers[b].home = Home::Scratch(slot);
    }
    slots.into_iter().map(|(len, _)| len).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Element, Sum, SumOf};
    use crate::plan::View;
    use proptest::prelude::*;
    use std::sync::Arc;

    proptest! {
        #[test]
        fn buffers_that_live_at_once_share_no_slot(
            lens in prop::collection::vec(1usize..50, 1..12),
            touched in prop::collection::vec((0usize..12, 0usize..12), 1..30),
            kept in prop::collection::vec(0usize..12, 0..3),
        ) {
            let count = lens.len();
            let home = Home::Scratch(usize::MAX);
            let mut buffers: Vec<Buffer> =
                lens.iter().map(|&len| Buffer { home: home.clone(), element: Element::Float, len }).collect();
            let view = |buffer: usize| View { buffer: buffer % count, offset: 0, len: 1 };
            let op = |&(a, b): &(usize, usize)| Op {
                scope: String::new(),
                kernel: Arc::new(Sum { count: 1, parts: 1, of: SumOf::Values, first: 0, stride: 1 }),
                args: vec![view(a), view(b)],
            };
            let ops: Vec<Op> = touched.iter().map(op).collect();
            let kept: Vec<usize> = kept.into_iter().map(|b| b % count).collect();
            let slots = assign(&mut buffers, &ops, &kept);
            let lifetime = |b: usize| {
                let mut times = (0..ops.len()).filter(|&t| ops[t].args.iter().any(|v| v.buffer == b));
                let first = times.next()?;
                Some((first, if kept.contains(&b) { usize::MAX } else { times.next_back().unwrap_or(first) }))
            };
            for a in 0..count {
                let Home::Scratch(slot) = buffers[a].home else { panic!("scratch stays scratch") };
                prop_assert!(slots[slot] >= buffers[a].len);
                for b in 0..a {
                    if let (Some(x), Some(y)) = (lifetime(a), lifetime(b))
                        && buffers[a].home == buffers[b].home
                    {
                        prop_assert!(x.1 < y.0 || y.1 < x.0, "{a} {x:?} and {b} {y:?} share a slot");
                    }
                }
            }
        }
    }
}
