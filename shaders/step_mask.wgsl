// step_mask: which steps of a sequence count: those of which any feature differs from the mask's value.
//
// x [rows, F], a row a step of a sample  → mask [rows]: 1 or 0
// Workgroup: 64 invocations, one a row. Grid: ⌈rows/64⌉ groups, folded over (x, y).

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = flat_index(group, groups, local, 64u);
    if (row >= u.rows) {
        return;
    }
    var counts = 0.0;
    for (var i = 0u; i < u.features; i++) {
        counts = select(1.0, counts, x[row * u.features + i] == u.value);
    }
    mask[row] = counts;
}
