// max_pool_give: dx[b, i, c] = Σ of dy[b, o, c] over the windows o whose place is i.
//
// places [B, OUTPUTS, C]: minus the place of the largest input  d_y [B, OUTPUTS, C]  → d_x [B, INPUTS, C]
// Workgroup: 64 invocations, each with four neighbouring channels of an input. Grid: folded over (x, y).
// Names in capitals are generated constants.

fn rows() -> u32 { return u.batch * INPUTS; }
fn columns() -> u32 { return u.channels; }

fn visit(row: u32, c: u32) {
    let me = vec4<f32>(-f32(row % INPUTS));
    let sample = row / INPUTS * OUTPUTS;
    let windows = windows_of(row % INPUTS);
    var sum = vec4<f32>();
    for (var plane = windows.first.x; plane < windows.end.x; plane++) {
        for (var line = windows.first.y; line < windows.end.y; line++) {
            for (var place = windows.first.z; place < windows.end.z; place++) {
                let window = sample + u32((plane * OUTPUT.y + line) * OUTPUT.z + place);
                let i = window * u.channels + c;
                sum += select(vec4<f32>(), get_d_y(i), get_places(i) == me);
            }
        }
    }
    put_d_x(row * u.channels + c, sum, u.channels - c);
}
