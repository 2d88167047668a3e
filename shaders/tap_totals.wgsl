// tap_totals: totals[k, n] = factor·Σ of sums[t, n] over the taps t that have a source in zone k.
//
// sums [TAPS, filters]  → totals [ZONES, filters]
// Workgroup: 64 invocations, each with one total. Grid: ⌈ZONES·filters/64⌉ groups, folded over (x, y).
// The capitals are generated constants.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_index(group, groups, local, 64u);
    if (i >= ZONES * u.filters) {
        return;
    }
    let position = vec3<i32>(zone_at(i / u.filters).first);
    var total = 0.0;
    for (var t = 0u; t < TAPS; t++) {
        if (!MISSES || source(position, tap_of(t)) >= 0) {
            total += sums[t * u.filters + i % u.filters];
        }
    }
    totals[i] = u.factor * total;
}
