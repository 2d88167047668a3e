// merge: merges two matrices: side by side (CONCAT), their sum, their mean (AVERAGE) or their product (PRODUCT).
//
// a, b [rows, F]  → y [rows, F], or CONCAT [rows, 2F]
// Workgroup: 64 invocations, each with four neighbouring numbers. Grid: folded over (x, y). Names in capitals are generated constants.

fn rows() -> u32 { return u.rows; }
fn columns() -> u32 { return u.features; }

fn visit(row: u32, column: u32) {
    let i = row * u.features + column;
    let count = u.features - column;
    if (CONCAT) {
        put_y(i + row * u.features, get_a(i), count);
        put_y(i + (row + 1u) * u.features, get_b(i), count);
        return;
    }
    var value = get_a(i) + get_b(i);
    if (AVERAGE) {
        value *= 0.5;
    }
    if (PRODUCT) {
        value = get_a(i) * get_b(i);
    }
    put_y(i, value, count);
}
