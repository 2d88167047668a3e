// tap_shares: shares[t, n] = Σ of d_v[p, n] over the positions p at which tap t has a source.
//
// d_v [POSITIONS, filters]  → shares [TAPS, filters]
// Workgroup: 4 quads of filters × 64 slices of the positions, of one tap. Grid: (⌈filters/16⌉, TAPS, 1).

@compute @workgroup_size(ACROSS, SLICES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let n = (group.x * 4u + local.x) * 4u;
    let tap = tap_of(group.y);
    var sum = vec4<f32>();
    if (n < u.filters) {
        for (var p = local.y; p < POSITIONS; p += SLICES) {
            if (!MISSES || source(position_of(p), tap) >= 0) {
                sum += get_d_v(p * u.filters + n);
            }
        }
    }
    sum = sum_slices(sum, local);
    if (local.y == 0u && n < u.filters) {
        put_shares(group.y * u.filters + n, sum, u.filters - n);
    }
}
