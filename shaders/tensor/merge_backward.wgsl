// merge_backward: the gradients of the operands of merge.wgsl. CONCAT: the parts of dy; of a sum dy, of a mean (AVERAGE) dy/2; of
// a PRODUCT da = dy ⊙ b, db = dy ⊙ a.
//
// d_y [rows, F], or CONCAT [rows, F + G]  a, b [rows, F] (unused unless PRODUCT)  → d_a [rows, F]  d_b [rows, G] (G = F unless CONCAT)
// Workgroup: 64 invocations, each with four neighbouring numbers. Grid: folded over (x, y). Names in capitals are generated constants.

fn rows() -> u32 { return u.rows; }
fn columns() -> u32 { return max(u.features, u.second); }

fn visit(row: u32, column: u32) {
    if (CONCAT) {
        let begin = row * (u.features + u.second);
        if (column < u.features) {
            put_d_a(row * u.features + column, get_d_y(begin + column), u.features - column);
        }
        if (column < u.second) {
            put_d_b(row * u.second + column, get_d_y(begin + u.features + column), u.second - column);
        }
        return;
    }
    let i = row * u.features + column;
    let count = u.features - column;
    var d_a = get_d_y(i);
    var d_b = d_a;
    if (AVERAGE) {
        d_a *= 0.5;
        d_b *= 0.5;
    }
    if (PRODUCT) {
        d_a *= get_b(i);
        d_b *= get_a(i);
    }
    put_d_a(i, d_a, count);
    put_d_b(i, d_b, count);
}
