// depthwise: a convolution whose filters see one channel each, computed directly.
//   f[b, p, n] = Σ over taps t of x[b, source(p, t), n/MULTIPLIER]·w[t, n] + bias[n]; z = ρ ⊙ f; y = σ(z)
//   TURNED, the input's gradient: y[b, p, c] = Σ over t and the filters n of c of x[b, source(p, t), n]·w[t, n]
//
// x [B, SOURCES, CHANNELS]  w [TAPS, max(CHANNELS, FILTERS)]  b [FILTERS]  rotation [2·ZONES·FILTERS]: ρ then q
// → z, y [B, POSITIONS, FILTERS] (b, rotation, z: window/parts/epilogue.wgsl). TURNED, CHANNELS are the filters and FILTERS the channels.
// Workgroup: 64 invocations, each with four neighbouring filters of a position. Grid: folded over (x, y).
// Names in capitals are generated constants.

const WEIGHTS: u32 = max(CHANNELS, FILTERS);

// The term of output n from a source through a tap; TURNED: from the j-th of its filters.
fn term(place: u32, t: u32, n: u32, j: u32) -> f32 {
    if (n >= FILTERS) {
        return 0.0;
    }
    if (!TURNED) {
        return get_x(place + n / MULTIPLIER).x * get_w(t * WEIGHTS + n).x;
    }
    let filter_of_n = n * MULTIPLIER + j;
    return get_x(place + filter_of_n).x * get_w(t * WEIGHTS + filter_of_n).x;
}

fn terms(place: u32, t: u32, n: u32) -> vec4<f32> {
    if (MULTIPLIER == 1u) {
        return get_x(place + n) * get_w(t * WEIGHTS + n);
    }
    var sum = vec4<f32>();
    for (var j = 0u; j < select(1u, MULTIPLIER, TURNED); j++) {
        sum += vec4<f32>(
            term(place, t, n, j), term(place, t, n + 1u, j), term(place, t, n + 2u, j), term(place, t, n + 3u, j),
        );
    }
    return sum;
}

fn rows() -> u32 { return u.batch * POSITIONS; }
fn columns() -> u32 { return FILTERS; }

fn visit(row: u32, n: u32) {
    let position = position_of(row % POSITIONS);
    let sample = row / POSITIONS * SOURCES;
    var sum = vec4<f32>();
    for (var t = 0u; t < TAPS; t++) {
        let at = source(position, tap_of(t));
        if (!MISSES || at >= 0) {
            sum += terms((sample + u32(at)) * CHANNELS, t, n);
        }
    }
    end_row(row, n, sum, FILTERS - n);
}
