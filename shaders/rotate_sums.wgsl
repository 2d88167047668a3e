// rotate_sums: finishes what rotate_backward left in parts.
//   sum[k, n] = Σ of partial_s over the chunks and the positions of zone k    s[n] = Σ_k sum[k, n]
//   d_v[k, n] = dq, or ALIGNED dq/q, from q[k, n] and sum[k, n]
//   d_b[n] = Σ of partial_b over all of them + Σ_k dq (ALIGNED b·dq/q)
//
// partial_s, partial_b [chunks, TOLD_APART, filters]  rotation [2·ZONES·filters]: ρ then q  b [filters]
// → d_b [filters]  d_v [ZONES, filters]  s [filters] (all but d_b as far as ROTATED, d_b as far as HAS_BIAS)
// Workgroup: 4 quads of filters × 64 slices of chunks and positions, summed in a fixed order, zone after zone.
// Grid: (⌈filters/16⌉, 1, 1). The capitals are generated constants.

@compute @workgroup_size(ACROSS, SLICES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let n = (group.x * 4u + local.x) * 4u;
    let inside = n < u.filters;
    let first = local.y == 0u && inside;
    var all_s = vec4<f32>();
    var all_b = vec4<f32>();
    var shares = vec4<f32>();
    for (var k = 0u; k < ZONES; k++) {
        let zone = zone_at(k);
        // The positions of the zone along its zone of lines.
        let count = select(1u, zone.count.z, ZONES > 1u);
        let line = k / ZONES_ALONG.z * (TOLD_APART * ZONES_ALONG.z / ZONES);
        var sum = vec4<f32>();
        if (inside) {
            for (var i = local.y; i < count * u.chunks; i += SLICES) {
                let position = line + zone.first.z + zone.step.z * (i % count);
                let place = (i / count * TOLD_APART + position) * u.filters + n;
                if (ROTATED) {
                    sum += get_partial_s(place);
                }
                if (HAS_BIAS) {
                    all_b += get_partial_b(place);
                }
            }
        }
        if (ROTATED) {
            sum = sum_slices(sum, local);
        }
        if (ROTATED && first) {
            all_s += sum;
            var share = d_v_of(get_rotation((ZONES + k) * u.filters + n), sum);
            put_d_v(k * u.filters + n, share, u.filters - n);
            if (ALIGNED && HAS_BIAS) {
                share *= get_b(n);
            }
            shares += share;
        }
    }
    if (HAS_BIAS) {
        all_b = sum_slices(all_b, local);
    }
    if (!first) {
        return;
    }
    if (ROTATED) {
        put_s(n, all_s, u.filters - n);
    }
    if (HAS_BIAS) {
        put_d_b(n, all_b + shares, u.filters - n);
    }
}
