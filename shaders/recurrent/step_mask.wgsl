// step_mask: the steps of a sequence that count: those with any feature that differs from the mask's value.
//
// x [rows, F], one row per step of a sample  → mask [rows]: 1 or 0
// Workgroup: 64 invocations, one per row, or, if WIDE, all on one row. Grid: ⌈rows/64⌉ or rows groups, folded over (x, y). WIDE is
// a generated constant.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = flat_index(group, groups, select(local, 0u, WIDE), select(64u, 1u, WIDE));
    let row = min(index, u.rows - 1u);
    var counts = 0.0;
    for (var i = select(0u, local, WIDE); i < u.features; i += select(1u, LANES, WIDE)) {
        counts = select(1.0, counts, x[row * u.features + i] == u.value);
    }
    if (WIDE) {
        counts = max_lanes(counts, local);
    }
    if (index < u.rows && (local == 0u || !WIDE)) {
        mask[row] = counts;
    }
}
