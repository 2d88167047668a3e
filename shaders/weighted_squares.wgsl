// weighted_squares: sums[n] = Σ over channels c of factors[c]·w[c, n]².
//
// w [channels, filters], or TURNED [filters, channels]  factors [channels]  → sums [filters]
// Workgroup: 64 invocations, each with one sum. Grid: ⌈filters/64⌉ groups, folded over (x, y).
// The capitals are generated constants.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let n = flat_index(group, groups, local, 64u);
    if (n >= u.filters) {
        return;
    }
    var first = n;
    var step = u.filters;
    if (TURNED) {
        first = n * u.channels;
        step = 1u;
    }
    // Sums of 64 terms are summed in turn: their errors do not grow with the channels.
    var sum = 0.0;
    for (var begin = 0u; begin < u.channels; begin += 64u) {
        var part = 0.0;
        for (var c = begin; c < min(begin + 64u, u.channels); c++) {
            let weight = w[first + c * step];
            part += weight * weight * factors[c];
        }
        sum += part;
    }
    sums[n] = sum;
}
