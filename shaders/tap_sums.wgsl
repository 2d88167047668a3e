// tap_sums: sums[t, n] = Σ over channels c of w[t, c, n], SQUARED of w², WEIGHTED times factors[c].
//
// w [taps, channels, filters], or TURNED [taps, filters, channels]  factors [channels] (any, without WEIGHTED)
// → sums [taps, filters]
// Workgroup: 64 invocations, each with one sum. Grid: ⌈taps·filters/64⌉ groups, folded over (x, y).
// The capitals are generated constants.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_index(group, groups, local, 64u);
    if (i >= u.taps * u.filters) {
        return;
    }
    var first = i / u.filters * u.channels * u.filters + i % u.filters;
    var step = u.filters;
    if (TURNED) {
        first = i * u.channels;
        step = 1u;
    }
    // Sums of 64 terms are summed in turn: a small q is a difference of large numbers.
    var sum = 0.0;
    for (var begin = 0u; begin < u.channels; begin += 64u) {
        var part = 0.0;
        for (var c = begin; c < min(begin + 64u, u.channels); c++) {
            let weight = w[first + c * step];
            var term = weight;
            if (SQUARED) {
                term *= weight;
            }
            if (WEIGHTED) {
                term *= factors[c];
            }
            part += term;
        }
        sum += part;
    }
    sums[i] = sum;
}
