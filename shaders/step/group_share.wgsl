// group_share: the share of a step in what its group of accumulated steps has scored so far, where a mask leaves steps out.
//   n = rows that count    N = n + (N of the steps before, or 0 for the first of a group)    shares = (n/N, N), or (1, 0) where N = 0
// Unchanged where clock.halted ≠ 0.
//
// tallies [slots, columns]: n in the last column of row clock.slot  rates [slots, 6]: first  clock  → shares [2]
// One invocation. Grid: (1, 1, 1).

@compute @workgroup_size(1)
fn main() {
    if (clock[HALTED] != 0u) {
        return;
    }
    let slot = min(clock[SLOT], u.last_slot);
    let n = tallies[(slot + 1u) * u.columns - 1u];
    let all = n + select(shares[1], 0.0, rates[slot * RATES + FIRST] != 0.0);
    shares[0] = select(1.0, n / all, all > 0.0);
    shares[1] = all;
}
