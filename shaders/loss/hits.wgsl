// hits: 1 for every row of whose counts the sum is less than k, else 0.
//
// counts [B, pieces]  → scores [B, columns]: column u.column
// Workgroup: 64 invocations, one a row. Grid: ⌈B/64⌉ groups, folded over (x, y).

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = flat_index(group, groups, local, 64u);
    if (row >= u.batch) {
        return;
    }
    var total = 0.0;
    for (var piece = 0u; piece < u.pieces; piece++) {
        total += counts[row * u.pieces + piece];
    }
    scores[row * u.columns + u.column] = select(0.0, 1.0, total < f32(u.k));
}
