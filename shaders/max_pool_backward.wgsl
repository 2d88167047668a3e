// max_pool_backward: dx[b, i, c] = Σ of dy[b, o, c] over the windows o in which i is the first of the largest inputs.
//
// x [B, INPUTS, C]  d_y [B, OUTPUTS, C]  → d_x [B, INPUTS, C]
// Workgroup: 64 invocations, each with four neighbouring channels of an input. Grid: folded over (x, y).
// The capitals are generated constants.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_index(group, groups, local, 64u);
    let quads = (u.channels + 3u) / 4u;
    let row = i / quads;
    if (row >= u.batch * INPUTS) {
        return;
    }
    let c = (i % quads) * 4u;
    let me = row % INPUTS;
    let sample = row / INPUTS;
    let mine = get_x(row * u.channels + c);
    var sum = vec4<f32>();
    let windows = windows_of(me);
    for (var z = windows.first.x; z < windows.end.x; z++) {
        for (var y = windows.first.y; y < windows.end.y; y++) {
            for (var x_of_window = windows.first.z; x_of_window < windows.end.z; x_of_window++) {
                let window = u32((z * OUTPUT.y + y) * OUTPUT.z + x_of_window);
                let span = inputs_of(window);
                // Those before must be smaller, those behind may be as large.
                var wins = vec4<bool>(true);
                for (var plane = span.first.x; plane < span.end.x; plane++) {
                    for (var line = span.first.y; line < span.end.y; line++) {
                        for (var place = span.first.z; place < span.end.z; place++) {
                            let at = u32((plane * INPUT.y + line) * INPUT.z + place);
                            let other = get_x((sample * INPUTS + at) * u.channels + c);
                            let beaten = (other < mine) | ((other == mine) & vec4<bool>(at >= me));
                            wins = wins & beaten;
                        }
                    }
                }
                sum += select(vec4<f32>(), get_d_y((sample * OUTPUTS + window) * u.channels + c), wins);
            }
        }
    }
    put_d_x(row * u.channels + c, sum, u.channels - c);
}
