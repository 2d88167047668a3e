// tally: sums a step's scores into the step's row of tallies (step/parts/tally.wgsl).
//
// scores [rows, columns], of the batch's rows or sums of them  penalties [P]  clock  → tallies [slots, columns], row clock.slot
// Workgroup: 64 invocations on one column, summed in a fixed order. Grid: columns groups, folded over (x, y). WEIGHTED is a
// generated constant.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let place = flat_index(group, groups, 0u, 1u);
    let column = min(place, u.columns - 1u);
    let total = tally(column, local);
    if (local == 0u && place < u.columns) {
        tallies[min(clock[SLOT], u.last_slot) * u.columns + column] = total;
    }
}
