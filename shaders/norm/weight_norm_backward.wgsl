// weight_norm_backward: the gradients of v and of the gain g from D, that of w = g·v/‖v‖ (weight_norm_forward.wgsl).
//   dg = Σ D·v/‖v‖   dv = g/‖v‖·(D − v·Σ D·v/‖v‖²) + l1·sign(v) + 2·l2·v; but for the last two both are 0 where v is 0
//
// v [taps, outer, inner]  gain, squares, products [filters]: g, Σ v² and Σ D·v of every filter
// → d_v [taps, outer, inner]: D beforehand  d_gain [filters]
// outer and inner are channels and filters, or TURNED (a generated constant) filters and channels.
// Workgroup: 64 invocations, each with four neighbouring weights. Grid: folded over (x, y).

fn rows() -> u32 { return u.taps * u.outer; }
fn columns() -> u32 { return u.inner; }

// The factors of D and of v, by filter.
fn factors(place: u32) -> vec2<f32> {
    let n = min(place, u.filters - 1u);
    let square = squares[n];
    let scale = gain[n] / sqrt(square);
    return select(vec2<f32>(), vec2<f32>(scale, -scale * (products[n] / square)), square > 0.0);
}

fn give_gain(n: u32) {
    if (n < u.filters) {
        let square = squares[n];
        d_gain[n] = select(0.0, products[n] / sqrt(square), square > 0.0);
    }
}

fn visit(line: u32, column: u32) {
    let first = line * u.inner + column;
    var of_d = vec4<f32>();
    var of_v = vec4<f32>();
    if (TURNED) {
        let n = line % u.outer;
        let both = factors(n);
        of_d = vec4<f32>(both.x);
        of_v = vec4<f32>(both.y);
        if (line < u.outer && column == 0u) {
            give_gain(n);
        }
    } else {
        for (var i = 0u; i < min(4u, u.inner - column); i++) {
            let both = factors(column + i);
            of_d[i] = both.x;
            of_v[i] = both.y;
            if (line == 0u) {
                give_gain(column + i);
            }
        }
    }
    let v = get_v(first);
    put_d_v(first, of_d * get_d_v(first) + of_v * v + u.l1 * sign(v) + 2.0 * u.l2 * v, u.inner - column);
}
