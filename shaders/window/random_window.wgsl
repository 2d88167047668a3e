// random_window: y[b, o, c] = x[b, o + offset, c], or 0 outside x, with o mirrored (MIRROR_Y, MIRROR_X) for half of the samples;
// TURNED, the gradient of that. Offset and mirroring follow from (sample, step, seed).
//
// x [B, height, width, C]  clock  → y [B, window_height, window_width, C]; TURNED, they change places
// Workgroup: 64 invocations, each with four neighbouring channels of a place. Grid: folded over (x, y).
// Names in capitals are generated constants.

// The source along an axis, or -1.
fn along(position: u32, size: u32, window: u32, offset: i32, mirrored: bool) -> i32 {
    let last = i32(window) - 1;
    var seen = i32(position);
    if (TURNED) {
        seen -= offset;
        if (seen < 0 || seen > last) {
            return -1;
        }
        return select(seen, last - seen, mirrored);
    }
    let at = select(seen, last - seen, mirrored) + offset;
    return select(-1, at, at >= 0 && at < i32(size));
}

// Height and width of y.
fn size_of_y() -> vec2<u32> {
    return select(vec2<u32>(u.window_height, u.window_width), vec2<u32>(u.height, u.width), TURNED);
}

fn rows() -> u32 {
    let size = size_of_y();
    return u.batch * size.x * size.y;
}

fn columns() -> u32 { return u.channels; }

fn visit(row: u32, c: u32) {
    let from_height = select(u.height, u.window_height, TURNED);
    let from_width = select(u.width, u.window_width, TURNED);
    let size = size_of_y();
    let sample = row / (size.x * size.y);
    let step = clock[STEP];
    let first = 4u * sample;
    let offset_y = u.first_y + i32(((random_bits(first, step, u.seed) >> 16u) * u.range_y) >> 16u);
    let offset_x = u.first_x + i32(((random_bits(first + 1u, step, u.seed) >> 16u) * u.range_x) >> 16u);
    let mirrored_y = MIRROR_Y && random_bits(first + 2u, step, u.seed) >> 31u == 1u;
    let mirrored_x = MIRROR_X && random_bits(first + 3u, step, u.seed) >> 31u == 1u;
    let line = along(row / size.y % size.x, u.height, u.window_height, offset_y, mirrored_y);
    let place = along(row % size.y, u.width, u.window_width, offset_x, mirrored_x);
    var value = vec4<f32>();
    if (line >= 0 && place >= 0) {
        value = get_x(((sample * from_height + u32(line)) * from_width + u32(place)) * u.channels + c);
    }
    put_y(row * u.channels + c, value, u.channels - c);
}
