// one_hot: the batch's class indices as distributions.
//
// labels, order [all rows of the set]  clock  → out [B, C]
// out[r, c] = 1 where c = labels[order[clock.cursor + r]], else 0
// Workgroup: 64 invocations, one a number. Grid: ⌈B·C/64⌉ groups, folded over (x, y).

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_index(group, groups, local, 64u);
    if (i >= u.batch * u.classes) {
        return;
    }
    let place = clock[CURSOR] + i / u.classes;
    let label = labels[min(order[min(place, u.last)], u.last)];
    out[i] = select(0.0, 1.0, label == i % u.classes);
}
