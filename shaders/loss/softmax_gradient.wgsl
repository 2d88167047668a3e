// softmax_gradient: dx = (exp(x − top)/total·mass − t)/B from a row's numbers (softmax_finish.wgsl).
//
// x, t [B, C]  rows [B, 4]: top, total, mass  → d_x [B, C]
// Workgroup: 64 invocations, one per output. Grid: ⌈B·C/64⌉ groups, folded over (x, y).

fn visit(i: u32) {
    let row = i / u.classes;
    if (row >= u.batch) {
        return;
    }
    d_x[i] = (exp(x[i] - rows[4u * row]) / rows[4u * row + 1u] * rows[4u * row + 2u] - t[i]) * u.scale;
}
