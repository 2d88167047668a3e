// tap_totals: v[k, n] = factor·Σ of w[t, c, n], SQUARED of w², over the channels c and the taps t that have a source in zone k: the
// output for a sample that is `factor` everywhere. ROTATED: its ρ and q (rotation/parts/rho.wgsl).
//
// w [TAPS, channels, filters], or TURNED [TAPS, filters, channels]  b [filters]  lambda [1 or filters] (unused where
// rotation/parts/rho.wgsl needs none)
// → rotation [2·ZONES·filters]: ρ then q, or v [ZONES, filters]
// Workgroup: 4 quads of filters × 64 slices, summed in a fixed order: a slice first sums one tap or, with fewer than 64, some of
// its channels; then one zone. Grid: (⌈filters/16⌉, ⌈ZONES/64⌉, 1). Names in capitals are generated constants.

// Taps summed at a time, and the parts that their channels are split into.
const TAPS_AT_ONCE: u32 = min(TAPS, SLICES);
const PARTS: u32 = SLICES / TAPS_AT_ONCE;

// A part of the sum over the channels of tap t.
fn sum_of_tap(t: u32, part: u32, n: u32) -> vec4<f32> {
    var sum = vec4<f32>();
    if (!TURNED) {
        // Sums of 64 terms are added up in turn: a small q is a difference of large numbers.
        var run = vec4<f32>();
        for (var c = part; c < u.channels; c += PARTS) {
            run += term(get_w((t * u.channels + c) * u.filters + n), SQUARED);
            if (c / PARTS % 64u == 63u) {
                sum += run;
                run = vec4<f32>();
            }
        }
        return sum + run;
    }
    for (var i = 0u; i < min(4u, u.filters - n); i++) {
        let first = (t * u.filters + n + i) * u.channels;
        for (var c = 4u * part; c < u.channels; c += 4u * PARTS) {
            let there = vec4<u32>(c) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(u.channels);
            sum[i] += dot(select(vec4<f32>(), term(get_w(first + c), SQUARED), there), vec4<f32>(1.0));
        }
    }
    return sum;
}

// What the slices hold of zone k.
fn sum_of_zone(k: u32, begin: u32, across: u32) -> vec4<f32> {
    let position = vec3<i32>(zone_at(k).first);
    var sum = vec4<f32>();
    for (var t = begin; t < min(begin + TAPS_AT_ONCE, TAPS); t++) {
        if (!MISSES || source(position, tap_of(t)) >= 0) {
            for (var part = 0u; part < PARTS; part++) {
                sum += slices[(part * TAPS_AT_ONCE + t - begin) * ACROSS + across];
            }
        }
    }
    return sum;
}

@compute @workgroup_size(ACROSS, SLICES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let n = (group.x * ACROSS + local.x) * 4u;
    let inside = n < u.filters;
    let k = group.y * SLICES + local.y;
    var of_zone = vec4<f32>();
    for (var begin = 0u; begin < TAPS; begin += TAPS_AT_ONCE) {
        let t = begin + local.y % TAPS_AT_ONCE;
        var sum = vec4<f32>();
        if (inside && local.y < PARTS * TAPS_AT_ONCE && t < TAPS) {
            sum = sum_of_tap(t, local.y / TAPS_AT_ONCE, n);
        }
        workgroupBarrier();
        slices[local.y * ACROSS + local.x] = sum;
        workgroupBarrier();
        if (k < ZONES) {
            of_zone += sum_of_zone(k, begin, local.x);
        }
    }
    if (inside && k < ZONES) {
        let v = u.factor * of_zone;
        if (ROTATED) {
            rotate(ZONES, k, u.filters, n, v, true);
        } else {
            put_rotation(k * u.filters + n, v, u.filters - n);
        }
    }
}
