// merge: merges two matrices: side by side (CONCAT), their sum, their mean (AVERAGE) or their product (PRODUCT).
//
// a [rows, F]  b [rows, G] (G = F unless CONCAT)  → y [rows, F], or CONCAT [rows, F + G]
// Workgroup: 64 invocations, each with four neighbouring numbers. Grid: folded over (x, y). Names in capitals are generated constants.

fn rows() -> u32 { return u.rows; }
fn columns() -> u32 { return max(u.features, u.second); }

fn visit(row: u32, column: u32) {
    if (CONCAT) {
        let begin = row * (u.features + u.second);
        if (column < u.features) {
            put_y(begin + column, get_a(row * u.features + column), u.features - column);
        }
        if (column < u.second) {
            put_y(begin + u.features + column, get_b(row * u.second + column), u.second - column);
        }
        return;
    }
    let i = row * u.features + column;
    let count = u.features - column;
    var value = get_a(i) + get_b(i);
    if (AVERAGE) {
        value *= 0.5;
    }
    if (PRODUCT) {
        value = get_a(i) * get_b(i);
    }
    put_y(i, value, count);
}
