// softmax_gradient: dx = (exp(x − top)/total·mass − t)/B from a row's numbers (softmax_finish.wgsl).
//
// x, t [B, C]  rows [B, 4]: top, total, mass  → d_x [B, C]
// Workgroup: 64 invocations, one an output. Grid: ⌈B·C/64⌉ groups, folded over (x, y).

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_index(group, groups, local, 64u);
    let row = i / u.classes;
    if (row >= u.batch) {
        return;
    }
    d_x[i] = (exp(x[i] - rows[4u * row]) / rows[4u * row + 1u] * rows[4u * row + 2u] - t[i]) * u.scale;
}
