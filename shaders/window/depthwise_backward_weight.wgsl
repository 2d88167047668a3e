// depthwise_backward_weight: dW[t, n] = Σ over rows (b, p) of x[b, source(p, t), n/MULTIPLIER]·df[b, p, n], in partial sums
// of u.split_rows rows.
//
// x [B, SOURCES, CHANNELS]  d_f [B, POSITIONS, FILTERS]  → partials [splits, TAPS, FILTERS]
// Workgroup: 4 quads of filters × 64 slices of the rows, of one tap. Grid: (⌈FILTERS/16⌉, TAPS, splits).
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

@compute @workgroup_size(ACROSS, SLICES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let n = (group.x * 4u + local.x) * 4u;
    let tap = tap_of(group.y);
    var sum = vec4<f32>();
    if (n < FILTERS) {
        let end = min(u.batch * POSITIONS, (group.z + 1u) * u.split_rows);
        for (var row = group.z * u.split_rows + local.y; row < end; row += SLICES) {
            let at = source(position_of(row % POSITIONS), tap);
            if (!MISSES || at >= 0) {
                let place = (row / POSITIONS * SOURCES + u32(at)) * CHANNELS;
                sum += numbers_of_x(place, n) * get_d_f(row * FILTERS + n);
            }
        }
    }
    sum = sum_slices(sum, local);
    if (local.y == 0u && n < FILTERS) {
        put_partials((group.z * TAPS + group.y) * FILTERS + n, sum, FILTERS - n);
    }
}
