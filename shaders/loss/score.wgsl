// score: one metric's numbers for every row.
//   kind 0, accuracy: 1 if the first largest output, which must not be NaN, is at the place of the first largest target
//   kind 1, binary accuracy: the share of outputs on the same side of the threshold as their target is of 1/2
//   kind 2, top k: 1 if fewer than k outputs exceed the one at the largest target's place, which must not be NaN
//   kind 3, absolute error: mean |x − t| over the row
//   kind 4, squared error: (x − t)² per output, C columns
//
// x, t [B, C]  → scores [B, columns]: from `column` on
// Workgroup: 64 invocations, one per row, or one per output of kind 4. Grid: ⌈B/64⌉ or ⌈B·C/64⌉ groups, folded over (x, y).

fn visit(index: u32) {
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
