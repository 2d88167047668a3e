// random_warp: y[b, o, c] = x[b, s, c] at s = m + A·(o − m) − t with m the image's middle, between pixels bilinear or that of the NEAREST;
// outside the image REFLECT, WRAP, CONSTANT or NEAREST_PIXEL. A, t: a turn (TURN), a magnification (ZOOM) or a shift, from (sample, step,
// seed). TURNED, the gradient of that: y[b, p, c] = Σ of x[b, o, c]·(the weight of p in o), over the outputs near p and its copies outside.
//
// x [B, height, width, C]  clock  → y [B, height, width, C]
// Workgroup: 64 invocations, each with four neighbouring channels of a place. Grid: folded over (x, y).
// Names in capitals are generated constants. Vectors are (y, x).

struct Motion {
    // A's lines, and t.
    line: vec2<f32>,
    column: vec2<f32>,
    shift: vec2<f32>,
}

fn size() -> vec2<f32> { return vec2<f32>(f32(u.height), f32(u.width)); }
fn middle() -> vec2<f32> { return 0.5 * (size() - 1.0); }
fn rows() -> u32 { return u.batch * u.height * u.width; }
fn columns() -> u32 { return u.channels; }

fn share(sample: u32, axis: u32) -> f32 {
    return f32(random_bits(2u * sample + axis, clock[STEP], u.seed) >> 8u) / 16777216.0;
}

fn motion_of(sample: u32) -> Motion {
    let lower = vec2<f32>(u.lower_y, u.lower_x);
    let span = vec2<f32>(u.span_y, u.span_x);
    let second = select(1u, 0u, TOGETHER);
    let factor = lower + span * vec2<f32>(share(sample, 0u), share(sample, second));
    if (TURN) {
        // Quarter turns and the rest, whose sine and cosine are a few terms of their series: exact for quarter turns.
        let quarters = floor(4.0 * factor.x + 0.5);
        let angle = 1.5707964 * (4.0 * factor.x - quarters);
        let a = angle * angle;
        let sine = angle * (1.0 + a * (-0.16666667 + a * (8.333334e-3 + a * (-1.9841270e-4 + a * 2.7557319e-6))));
        let cosine = 1.0 + a * (-0.5 + a * (4.1666668e-2 + a * (-1.3888889e-3 + a * (2.4801587e-5 - a * 2.7557319e-7))));
        let odd = (i32(quarters) & 1) == 1;
        let sign = select(1.0, -1.0, (i32(quarters) & 2) == 2);
        let c = sign * select(cosine, -sine, odd);
        let s = sign * select(sine, cosine, odd);
        return Motion(vec2<f32>(c, s), vec2<f32>(-s, c), vec2<f32>());
    }
    if (ZOOM) {
        return Motion(vec2<f32>(1.0 + factor.x, 0.0), vec2<f32>(0.0, 1.0 + factor.y), vec2<f32>());
    }
    return Motion(vec2<f32>(1.0, 0.0), vec2<f32>(0.0, 1.0), factor * size());
}

// Where an output looks, without regard to borders.
fn source(motion: Motion, o: vec2<f32>) -> vec2<f32> {
    let d = o - middle();
    return middle() + vec2<f32>(dot(motion.line, d), dot(motion.column, d)) - motion.shift;
}

// The number of the image's copy along an axis: 0 for the image itself.
fn copy_at(s: f32, n: f32) -> f32 {
    if (CONSTANT || NEAREST_PIXEL) {
        return 0.0;
    }
    return select(select(0.0, ceil((s + 1.0) / n) - 1.0, s > n - 1.0), floor(s / n), s < 0.0);
}

fn mirrored(copy: f32) -> bool { return REFLECT && (i32(copy) & 1) == 1; }

// The place in the image, along an axis.
fn placed(s: f32, n: f32) -> f32 {
    if (CONSTANT) {
        return s;
    }
    let copy = copy_at(s, n);
    let at = clamp(s - copy * n, 0.0, n - 1.0);
    return select(at, n - 1.0 - at, mirrored(copy));
}

fn pixel(sample: u32, at: vec2<f32>, c: u32) -> vec4<f32> {
    if (all(at >= vec2<f32>()) && all(at < size())) {
        return get_x(((sample * u.height + u32(at.x)) * u.width + u32(at.y)) * u.channels + c);
    }
    return vec4<f32>(u.fill_value);
}

fn weight(at: f32, p: f32) -> f32 {
    return select(max(1.0 - abs(at - p), 0.0), select(0.0, 1.0, floor(at + 0.5) == p), NEAREST);
}

// From where to where outputs may see a pixel's copy, along an axis: lower and upper limits.
fn copied(p: f32, n: f32, copy: f32) -> vec2<f32> {
    let at = copy * n + select(p, n - 1.0 - p, mirrored(copy));
    let far = 2.0 * (size().x + size().y);
    let open = vec2<bool>(p == 0.0, p == n - 1.0) & vec2<bool>(NEAREST_PIXEL);
    return select(vec2<f32>(at - 1.0, at + 1.0), vec2<f32>(-far, far), open);
}

fn gathered(sample: u32, p: vec2<f32>, c: u32) -> vec4<f32> {
    let motion = motion_of(sample);
    // A's inverse: a rotation's is its transpose.
    var line = vec2<f32>(motion.line.x, motion.column.x);
    var column = vec2<f32>(motion.line.y, motion.column.y);
    if (ZOOM) {
        line.x = 1.0 / line.x;
        column.y = 1.0 / column.y;
    }
    var sum = vec4<f32>();
    for (var copy_y = -u.copies_y; copy_y <= u.copies_y; copy_y++) {
        for (var copy_x = -u.copies_x; copy_x <= u.copies_x; copy_x++) {
            let copies = vec2<f32>(f32(copy_y), f32(copy_x));
            let seen_y = copied(p.x, size().x, copies.x);
            let seen_x = copied(p.y, size().y, copies.y);
            let centre = 0.5 * vec2<f32>(seen_y.x + seen_y.y, seen_x.x + seen_x.y) + motion.shift - middle();
            let reach = 0.5 * vec2<f32>(seen_y.y - seen_y.x, seen_x.y - seen_x.x);
            let from_middle = middle() + vec2<f32>(dot(line, centre), dot(column, centre));
            let around = vec2<f32>(dot(abs(line), reach), dot(abs(column), reach)) + SLACK;
            let first = vec2<i32>(clamp(ceil(from_middle - around), vec2<f32>(), size()));
            let last = vec2<i32>(clamp(floor(from_middle + around), vec2<f32>(-1.0), size() - 1.0));
            for (var o_y = first.x; o_y <= last.x; o_y++) {
                for (var o_x = first.y; o_x <= last.y; o_x++) {
                    let s = source(motion, vec2<f32>(f32(o_y), f32(o_x)));
                    let own = copy_at(s.x, size().x) == copies.x && copy_at(s.y, size().y) == copies.y;
                    let part = weight(placed(s.x, size().x), p.x) * weight(placed(s.y, size().y), p.y);
                    if (own && part > 0.0) {
                        sum += part * get_x(((sample * u.height + u32(o_y)) * u.width + u32(o_x)) * u.channels + c);
                    }
                }
            }
        }
    }
    return sum;
}

fn visit(row: u32, c: u32) {
    let sample = row / (u.height * u.width);
    let o = vec2<f32>(f32(row / u.width % u.height), f32(row % u.width));
    if (TURNED) {
        put_y(row * u.channels + c, gathered(sample, o, c), u.channels - c);
        return;
    }
    let s = source(motion_of(sample), o);
    let at = vec2<f32>(placed(s.x, size().x), placed(s.y, size().y));
    var value = vec4<f32>();
    if (NEAREST) {
        value = pixel(sample, floor(at + 0.5), c);
    } else {
        let first = floor(at);
        let rest = at - first;
        let right = vec2<f32>(0.0, 1.0);
        let above = (1.0 - rest.y) * pixel(sample, first, c) + rest.y * pixel(sample, first + right, c);
        let below = (1.0 - rest.y) * pixel(sample, first + 1.0 - right, c) + rest.y * pixel(sample, first + 1.0, c);
        value = (1.0 - rest.x) * above + rest.x * below;
    }
    put_y(row * u.channels + c, value, u.channels - c);
}
