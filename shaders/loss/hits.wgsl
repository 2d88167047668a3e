// hits: 1 for every row whose counts sum to less than k, else 0.
//
// counts [B, pieces]  → scores [B, columns]: column u.column
// Workgroup: 64 invocations, one per row. Grid: ⌈B/64⌉ groups, folded over (x, y).

fn visit(row: u32) {
    if (row >= u.batch) {
        return;
    }
    var total = 0.0;
    for (var piece = 0u; piece < u.pieces; piece++) {
        total += counts[row * u.pieces + piece];
    }
    scores[row * u.columns + u.column] = select(0.0, 1.0, total < f32(u.k));
}
