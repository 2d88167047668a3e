// depthwise_backward_weight: dW[t, n] = Σ over rows (b, p) of x[b, source(p, t), n/MULTIPLIER]·df[b, p, n], in partial sums
// of u.split_rows rows.
//
// x [B, SOURCES, CHANNELS]  d_f [B, POSITIONS, FILTERS]  → partials [splits, TAPS, FILTERS]
// Workgroup: 4 quads of filters × 64 slices of the rows, of LOADS taps, so that df is read once for all of them. Grid:
// (⌈FILTERS/16⌉, ⌈TAPS/LOADS⌉, splits).
// Names in capitals are generated constants.

fn numbers_of_x(place: u32, n: u32) -> vec4<f32> {
    if (MULTIPLIER == 1u) {
        return get_x(place + n);
    }
    let channels = vec4<u32>(n, n + 1u, n + 2u, n + 3u) / MULTIPLIER;
    return vec4<f32>(
        get_x(place + channels.x).x,
        get_x(place + channels.y).x,
        get_x(place + channels.z).x,
        get_x(place + channels.w).x,
    );
}

// sum + x·df at a tap, or the sum alone where it has no source.
fn term(position: vec3<i32>, sample: u32, tap: u32, n: u32, d_f: vec4<f32>, sum: vec4<f32>) -> vec4<f32> {
    let at = source(position, tap_of(tap));
    if (tap >= TAPS || MISSES && at < 0) {
        return sum;
    }
    return fma(numbers_of_x((sample + u32(at)) * CHANNELS, n), d_f, sum);
}

@compute @workgroup_size(ACROSS, SLICES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let n = (group.x * 4u + local.x) * 4u;
    let tap = select(group.y * LOADS, 0u, TAPS <= LOADS);
    var sum#q = vec4<f32>();
    if (n < FILTERS) {
        let end = min(u.batch * POSITIONS, (group.z + 1u) * u.split_rows);
        for (var row = group.z * u.split_rows + local.y; row < end; row += SLICES) {
            let position = position_of(row % POSITIONS);
            let sample = row / POSITIONS * SOURCES;
            let d_f = get_d_f(row * FILTERS + n);
            sum#q = term(position, sample, tap + #qu, n, d_f, sum#q);
        }
    }
    sum#q = sum_slices(sum#q, local);
    if (local.y == 0u && n < FILTERS) {
        let first = (group.z * TAPS + tap) * FILTERS + n;
        if (tap + #qu < TAPS) { put_partials(first + #qu * FILTERS, sum#q, FILTERS - n); }
    }
}
