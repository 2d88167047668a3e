// sum_squares: partial sums of the squared gradients, for the norm and the check that all are finite.
//
// values [count]  → partials [⌈count/4096⌉]
// Workgroup: 64 invocations on 4,096 numbers. Grid: ⌈count/4096⌉ groups, folded over (x, y).

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
        let v = until_end(get_values(i), end - i);
        total += dot(v, v);
    }
    total = sum_lanes(total, local);
    if (local == 0u && first < u.count) {
        partials[chunk] = total;
    }
}
