// max_pool_forward: y[b, o, c] = the largest x[b, i, c] of the inputs i of window o.
//
// x [B, INPUTS, C]  → y [B, OUTPUTS, C]
// Workgroup: 64 invocations, each with four neighbouring channels of a window. Grid: folded over (x, y).
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
    if (row >= u.batch * OUTPUTS) {
        return;
    }
    let c = (i % quads) * 4u;
    let span = inputs_of(row % OUTPUTS);
    let sample = row / OUTPUTS * INPUTS;
    let first = u32((span.first.x * INPUT.y + span.first.y) * INPUT.z + span.first.z);
    var best = get_x((sample + first) * u.channels + c);
    for (var plane = span.first.x; plane < span.end.x; plane++) {
        for (var line = span.first.y; line < span.end.y; line++) {
            for (var place = span.first.z; place < span.end.z; place++) {
                let at = u32((plane * INPUT.y + line) * INPUT.z + place);
                let value = get_x((sample + at) * u.channels + c);
                // Unlike max, this does not hide a NaN.
                best = select(value, best, value <= best);
            }
        }
    }
    put_y(row * u.channels + c, best, u.channels - c);
}
