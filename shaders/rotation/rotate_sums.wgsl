// rotate_sums: finishes the partial sums of rotate_backward.
//   sum[k, n] = Σ of partial_s over the chunks and the positions of zone k    s[n] = Σ_k sum[k, n]
//   d_v[k, n] from q[k, n] and sum[k, n]    d_b[n] = Σ of partial_b over all chunks and positions + Σ_k of the share of d_v
//   SHARED: shares[t, n] = Σ of d_v[k, n] over the zones k in which tap t has a source (rotation/parts/share_of_tap.wgsl)
//
// partial_s, partial_b [chunks, TOLD_APART, filters], or BY_ZONE [chunks, ZONES, filters]
// rotation [2·ZONES·filters]: ρ then q  b [filters]
// → d_b [filters]  d_v [ZONES, filters]  s [filters]  shares [TAPS, filters] (d_b is written with HAS_BIAS, the others with
// ROTATED)
// Workgroup: 4 quads of filters × 64 slices, summed in a fixed order: a slice first sums one position or, with fewer than 64, some
// of its chunks; then one zone's part of the positions that were summed at a time.
// Grid: (⌈filters/16⌉, 1, 1). Names in capitals are generated constants.

// Positions per chunk; those summed at a time, and the parts that their chunks are split into.
const PLACES: u32 = select(TOLD_APART, ZONES, BY_ZONE);
const POSITIONS_AT_ONCE: u32 = min(PLACES, SLICES);
const PARTS: u32 = SLICES / POSITIONS_AT_ONCE;

// Zones per slice.
const ZONES_EACH: u32 = (ZONES + SLICES - 1u) / SLICES;

// What the slices hold of zone k, from position `begin` on.
fn sum_of_zone(k: u32, begin: u32, across: u32) -> vec4<f32> {
    let zone = zone_at(k);
    let one = ZONES == 1u;
    let line = k / ZONES_ALONG.z * (TOLD_APART * ZONES_ALONG.z / ZONES);
    var first = line + select(zone.first.z, 0u, one);
    var step = zone.step.z;
    var count = select(zone.count.z, 1u, one);
    if (BY_ZONE) {
        first = k;
        step = 1u;
        count = 1u;
    }
    let end = min(begin + POSITIONS_AT_ONCE, first + step * count);
    var sum = vec4<f32>();
    for (var at = first + (max(begin, first) - first + step - 1u) / step * step; at < end; at += step) {
        for (var part = 0u; part < PARTS; part++) {
            sum += slices[(part * POSITIONS_AT_ONCE + at - begin) * ACROSS + across];
        }
    }
    return sum;
}

@compute @workgroup_size(ACROSS, SLICES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let n = (group.x * ACROSS + local.x) * 4u;
    let inside = n < u.filters;
    var of_zones: array<vec4<f32>, ZONES_EACH>;
    var all_b = vec4<f32>();
    for (var begin = 0u; begin < PLACES; begin += POSITIONS_AT_ONCE) {
        let position = begin + local.y % POSITIONS_AT_ONCE;
        var sum = vec4<f32>();
        if (inside && local.y < PARTS * POSITIONS_AT_ONCE && position < PLACES) {
            for (var chunk = local.y / POSITIONS_AT_ONCE; chunk < u.chunks; chunk += PARTS) {
                let place = (chunk * PLACES + position) * u.filters + n;
                if (ROTATED) {
                    sum += get_partial_s(place);
                }
                if (HAS_BIAS) {
                    all_b += get_partial_b(place);
                }
            }
        }
        if (ROTATED) {
            workgroupBarrier();
            slices[local.y * ACROSS + local.x] = sum;
            workgroupBarrier();
            for (var i = 0u; i < ZONES_EACH; i++) {
                let k = local.y + i * SLICES;
                if (k < ZONES) {
                    of_zones[i] += sum_of_zone(k, begin, local.x);
                }
            }
        }
    }
    if (ROTATED) {
        var all_s = vec4<f32>();
        for (var i = 0u; i < ZONES_EACH; i++) {
            let k = local.y + i * SLICES;
            if (inside && k < ZONES) {
                let slope = d_v_of(get_rotation((ZONES + k) * u.filters + n), of_zones[i], u.epsilon);
                put_d_v(k * u.filters + n, slope, u.filters - n);
                all_s += of_zones[i];
                if (HAS_BIAS) {
                    all_b += share_of(slope, get_b(n));
                }
            }
        }
        all_s = sum_slices(all_s, local);
        if (local.y == 0u && inside) {
            put_s(n, all_s, u.filters - n);
        }
    }
    if (HAS_BIAS) {
        all_b = sum_slices(all_b, local);
        if (local.y == 0u && inside) {
            put_d_b(n, all_b, u.filters - n);
        }
    }
    // From here on, the whole workgroup sees the d_v that it stored.
    if (SHARED) {
        storageBarrier();
        if (inside) {
            for (var t = local.y; t < TAPS; t += SLICES) {
                put_shares(t * u.filters + n, share_of_tap(t, n), u.filters - n);
            }
        }
    }
}
