// weighted_squares: sums[n] = Σ over channels c of factors[c]·w[c, n]².
//
// w [channels, filters], or TURNED [filters, channels]  factors [channels]  → sums [filters]
// Workgroup: 64 invocations on one sum. Grid: filters groups, folded over (x, y). TURNED is a generated constant.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = flat_index(group, groups, 0u, 1u);
    let n = min(index, u.filters - 1u);
    let first = select(n, n * u.channels, TURNED);
    let step = select(u.filters, 1u, TURNED);
    var sum = 0.0;
    for (var c = local; c < u.channels; c += LANES) {
        let weight = w[first + c * step];
        sum += weight * weight * factors[c];
    }
    sum = sum_lanes(sum, local);
    if (local == 0u && index < u.filters) {
        sums[n] = sum;
    }
}
