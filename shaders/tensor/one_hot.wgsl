// one_hot: the batch's class indices as distributions.
//
// labels [all rows of the set, S]  order [a multiple of all rows]  clock  → out [B, S, C]
// out[r, s, c] = 1 where c = labels[order[clock.cursor + r], s], else 0
// Workgroup: 64 invocations, one per number. Grid: ⌈B·S·C/64⌉ groups, folded over (x, y).

fn visit(i: u32) {
    let step = i / u.classes;
    let row = step / u.steps;
    if (row >= u.batch) {
        return;
    }
    let from_row = min(order[min(clock[CURSOR] + row, u.last)], u.last_row);
    let label = labels[from_row * u.steps + step % u.steps];
    out[i] = select(0.0, 1.0, label == i % u.classes);
}
