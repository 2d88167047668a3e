// gather: the batch's rows from one chunk of a data set. Rows that lie in other chunks are left unchanged. With CLASSES, the class
// indices of the batch's rows as distributions besides.
//
// data [rows, width]  labels [all rows of the set, S] if CLASSES  order [a multiple of all rows of the set]  clock
// → out [B, width]  targets [B, S, C] if CLASSES
// out[r] = data[order[clock.cursor + r] − first_row]    targets[r, s, c] = 1 where c = labels[order[clock.cursor + r], s], else 0;
// where C = 1, for two classes that one number tells, 1 where the label is 1
// Workgroup: 64 invocations, each with four numbers of a row, then each with one of the targets.
// Grid: ⌈(B·⌈width/4⌉ + B·S·C)/64⌉ groups, folded over (x, y). CLASSES is a generated constant.

fn row_of(r: u32) -> u32 { return order[min(clock[CURSOR] + r, u.last)]; }

fn copy(r: u32, column: u32) {
    let row = row_of(r);
    if (row >= u.first_row && row - u.first_row < u.rows) {
        put_out(r * u.width + column, get_data((row - u.first_row) * u.width + column), u.width - column);
    }
}

fn mark(i: u32) {
    let label = i / u.classes;
    if (label < u.batch * u.labels) {
        let row = min(row_of(label / u.labels), u.last_label);
        let place = i % u.classes + select(0u, 1u, u.classes == 1u);
        targets[i] = select(0.0, 1.0, labels[row * u.labels + label % u.labels] == place);
    }
}

fn visit(i: u32) {
    let quads = (u.width + 3u) / 4u;
    if (i < u.batch * quads) {
        copy(i / quads, i % quads * 4u);
    } else if (CLASSES) {
        mark(i - u.batch * quads);
    }
}
