// interpolate: u.factor numbers for every one along an axis, linearly between the centres of the old ones; at the ends the last one itself.
//   y[p·factor + r] = x[p] + |d|·(x[p ± 1] − x[p]), d = (2r + 1 − factor)/(2·factor), whose sign says which neighbour
// TURNED: its transpose, the gradient: every number of the shorter line collects its shares of the longer one.
//
// x [outer, length, inner], TURNED [outer, length·factor, inner]  → y [outer, length·factor, inner], TURNED [outer, length, inner]
// Workgroup: 64 invocations, each with four neighbouring numbers of a line. Grid: folded over (x, y). TURNED is a generated constant.

fn rows() -> u32 { return u.outer * u.length * select(u.factor, 1u, TURNED); }
fn columns() -> u32 { return u.inner; }

// How far the number r of a group lies from the middle of the group, in groups.
fn distance_of(r: u32) -> f32 {
    return (f32(2u * r + 1u) - f32(u.factor)) / f32(2u * u.factor);
}

fn spread(row: u32, c: u32) -> vec4<f32> {
    let own = row / u.factor;
    let p = own % u.length;
    let d = distance_of(row % u.factor);
    // At an end it is its own neighbour.
    var other = own;
    if (d < 0.0 && p > 0u) {
        other -= 1u;
    }
    if (d > 0.0 && p + 1u < u.length) {
        other += 1u;
    }
    let value = get_x(own * u.inner + c);
    return value + abs(d) * (get_x(other * u.inner + c) - value);
}

fn collect(row: u32, c: u32) -> vec4<f32> {
    let p = row % u.length;
    let first = row * u.factor;
    var sum = vec4<f32>();
    for (var r = 0u; r < u.factor; r++) {
        let d = distance_of(r);
        let own = get_x((first + r) * u.inner + c);
        sum += (1.0 - abs(d)) * own;
        // The neighbour's shares; at an end its own.
        let from_next = d < 0.0 && p + 1u < u.length;
        let from_last = d > 0.0 && p > 0u;
        if (from_next) {
            sum -= d * get_x((first + u.factor + r) * u.inner + c);
        }
        if (from_last) {
            sum += d * get_x((first - u.factor + r) * u.inner + c);
        }
        if ((d < 0.0 && p == 0u) || (d > 0.0 && p + 1u == u.length)) {
            sum += abs(d) * own;
        }
    }
    return sum;
}

fn visit(row: u32, c: u32) {
    if (TURNED) {
        put_y(row * u.inner + c, collect(row, c), u.inner - c);
    } else {
        put_y(row * u.inner + c, spread(row, c), u.inner - c);
    }
}
