// score: one metric's numbers of every row.
//   kind 0, accuracy: 1 when the first largest output, which must be a number, and the first largest target are at the same place
//   kind 1, binary accuracy: the share of outputs on the same side of their threshold as the targets
//   kind 2, top k: 1 when fewer than k outputs are larger than that of the largest target, which must be a number
//   kind 3, absolute error: mean |x − t| over the row
//   kind 4, squared error: (x − t)² of every output, C columns
//
// x, t [B, C]  → scores [B, columns]: from `column` on
// Workgroup: 64 invocations, one a row, or one an output of kind 4. Grid: ⌈B/64⌉ or ⌈B·C/64⌉ groups, folded over (x, y).

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = flat_index(group, groups, local, 64u);
    if (u.kind == 4u) {
        let row = index / u.outputs;
        if (row < u.batch) {
            let error = x[index] - t[index];
            scores[row * u.columns + u.column + index % u.outputs] = error * error;
        }
        return;
    }
    let row = index;
    if (row >= u.batch) {
        return;
    }
    let first = row * u.outputs;
    let out = row * u.columns + u.column;
    var best = 0u;
    var wanted = 0u;
    var agree = 0.0;
    var error = 0.0;
    for (var c = 0u; c < u.outputs; c++) {
        let value = x[first + c];
        let truth = t[first + c];
        if (value > x[first + best]) { best = c; }
        if (truth > t[first + wanted]) { wanted = c; }
        agree += select(0.0, 1.0, (value > u.threshold) == (truth > 0.5));
        error += abs(value - truth);
    }
    if (u.kind == 0u) {
        scores[out] = select(0.0, 1.0, best == wanted && !is_nan(x[first + wanted]));
    } else if (u.kind == 1u) {
        scores[out] = agree / f32(u.outputs);
    } else if (u.kind == 2u) {
        var larger = 0u;
        for (var c = 0u; c < u.outputs; c++) {
            larger += select(0u, 1u, x[first + c] > x[first + wanted]);
        }
        scores[out] = select(0.0, 1.0, larger < u.k && !is_nan(x[first + wanted]));
    } else {
        scores[out] = error / f32(u.outputs);
    }
}
