// tap_shares: shares[t, n] = Σ of d_v[k, n] over the zones k in which tap t has a source.
//
// d_v [ZONES, filters]  → shares [TAPS, filters]
// Workgroup: 64 invocations, each with one share. Grid: ⌈TAPS·filters/64⌉ groups, folded over (x, y).
// The capitals are generated constants.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_index(group, groups, local, 64u);
    if (i >= TAPS * u.filters) {
        return;
    }
    let tap = tap_of(i / u.filters);
    var sum = 0.0;
    for (var zone = 0u; zone < ZONES; zone++) {
        if (!MISSES || source(vec3<i32>(zone_at(zone).first), tap) >= 0) {
            sum += d_v[zone * u.filters + i % u.filters];
        }
    }
    shares[i] = sum;
}
