// penalty: partial sums of l1·|w| + l2·w². Groups past the end write 0, so that every partial sum is defined.
//
// w [count]  → partials [groups]
// Workgroup: 64 invocations on 4,096 weights. Grid: `groups` groups, folded over (x, y).

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let chunk = flat_index(group, groups, 0u, 1u);
    let first = chunk * 4096u;
    let end = min(first + 4096u, u.count);
    var total = 0.0;
    for (var i = first + 4u * local; i < end; i += 4u * LANES) {
        let weights = until_end(get_w(i), end - i);
        total += dot(u.l1 * abs(weights) + u.l2 * weights * weights, vec4<f32>(1.0));
    }
    total = sum_lanes(total, local);
    if (local == 0u && chunk < u.groups) {
        partials[chunk] = total;
    }
}
