// weight_gradient: dW = Σ partials + the virtual sample's share + the regulariser's share l1·sign(W) + 2·l2·W.
//   SHARED: factor·v[filter], or PER_TAP factor·v[tap, filter]; ALIGNED times W, and PER_CHANNEL times channel[c]
//   WHOLE: v[weight]
//
// partials [splits, taps, outer, inner]  w [taps, outer, inner]  virtual_sample (v) [filters], [taps, filters] or as w
// channel [channels]  → d_w [taps, outer, inner]
// outer and inner are channels and filters, or TURNED filters and channels.
// Workgroup: 64 invocations, each with four neighbouring weights. Grid: folded over (x, y). Names in capitals are generated constants.

fn rows() -> u32 { return u.taps * u.outer; }
fn columns() -> u32 { return u.inner; }

fn visit(line: u32, column: u32) {
    let tap = line / u.outer;
    let row = line % u.outer;
    let first = line * u.inner + column;
    let weights = u.taps * u.outer * u.inner;
    var value = vec4<f32>();
    // Sums of 64 terms are added up in turn.
    var run = vec4<f32>();
    for (var split = 0u; split < u.splits; split++) {
        run += get_partials(split * weights + first);
        if (split % 64u == 63u) {
            value += run;
            run = vec4<f32>();
        }
    }
    value += run;
    let w = get_w(first);
    if (SHARED) {
        // The filters of the four weights: one, or four neighbours.
        var place = 0u;
        if (PER_TAP) {
            place = tap * select(u.inner, u.outer, TURNED);
        }
        var v = vec4<f32>();
        if (TURNED) {
            v = vec4<f32>(number_of_filter(place + row));
        } else {
            v = get_virtual_sample(place + column);
        }
        v = share_of(v, w);
        if (PER_CHANNEL) {
            v *= channel[row];
        }
        value += u.factor * v;
    }
    if (WHOLE) {
        value += get_virtual_sample(first);
    }
    if (REGULARISED) {
        value += u.l1 * sign(w) + 2.0 * u.l2 * w;
    }
    put_d_w(first, value, u.inner - column);
}

// With vec4s, `i` may lie inside one.
fn number_of_filter(i: u32) -> f32 {
    let quad = get_virtual_sample(i);
    return select(quad.x, quad[i % 4u], QUADS);
}
