// max_pool_forward: y[b, o, c] = the largest x[b, i, c] of the inputs i of window o.
//
// x [B, INPUTS, C]  → y [B, OUTPUTS, C]
// Workgroup: 64 invocations, each with four neighbouring channels of a window. Grid: folded over (x, y).
// Names in capitals are generated constants.

fn rows() -> u32 { return u.batch * OUTPUTS; }
fn columns() -> u32 { return u.channels; }

fn visit(row: u32, c: u32) {
    let span = inputs_of(row % OUTPUTS);
    let sample = row / OUTPUTS * INPUTS;
    let first = u32((span.first.x * INPUT.y + span.first.y) * INPUT.z + span.first.z);
    var best = get_x((sample + first) * u.channels + c);
    for (var plane = span.first.x; plane < span.end.x; plane++) {
        for (var line = span.first.y; line < span.end.y; line++) {
            for (var place = span.first.z; place < span.end.z; place++) {
                let at = u32((plane * INPUT.y + line) * INPUT.z + place);
                let value = get_x((sample + at) * u.channels + c);
                // Unlike max, this does not hide a NaN; found by its bits, since compilers may assume that there is none.
                let is_nan = (bitcast<vec4<u32>>(value) & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
                best = select(best, value, (value > best) | is_nan);
            }
        }
    }
    put_y(row * u.channels + c, best, u.channels - c);
}
