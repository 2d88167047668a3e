// window_sum: y[b, o, c] = Σ of x[b, i, c] over the inputs i of window o, MEAN divided by their number; TURNED, y[b, i, c] = Σ of
// x[b, o, c] over the windows o that cover i, MEAN each divided by the number of inputs it covers.
//
// x [B, INPUTS, C]  → y [B, OUTPUTS, C]; TURNED x [B, OUTPUTS, C]  → y [B, INPUTS, C]
// Workgroup: 64 invocations, each with four neighbouring channels of a position. Grid: folded over (x, y).
// Names in capitals are generated constants.

const FROM_GRID: vec3<i32> = select(INPUT, OUTPUT, TURNED);
const SOURCES: u32 = select(INPUTS, OUTPUTS, TURNED);
const POSITIONS: u32 = select(OUTPUTS, INPUTS, TURNED);

fn rows() -> u32 { return u.batch * POSITIONS; }
fn columns() -> u32 { return u.channels; }

fn visit(row: u32, c: u32) {
    let position = row % POSITIONS;
    var span = inputs_of(position);
    if (TURNED) {
        span = windows_of(position);
    }
    var sum = vec4<f32>();
    for (var plane = span.first.x; plane < span.end.x; plane++) {
        for (var line = span.first.y; line < span.end.y; line++) {
            for (var place = span.first.z; place < span.end.z; place++) {
                let at = u32((plane * FROM_GRID.y + line) * FROM_GRID.z + place);
                let value = get_x((row / POSITIONS * SOURCES + at) * u.channels + c);
                if (MEAN && TURNED) {
                    sum += value / max(count_of(inputs_of(at)), 1.0);
                } else {
                    sum += value;
                }
            }
        }
    }
    if (MEAN && !TURNED) {
        sum /= max(count_of(span), 1.0);
    }
    put_y(row * u.channels + c, sum, u.channels - c);
}
