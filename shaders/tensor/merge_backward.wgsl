// merge_backward: the gradients of the operands of merge.wgsl. CONCAT: the halves of dy; of a sum dy, of a mean (AVERAGE) dy/2; of
// a PRODUCT da = dy ⊙ b, db = dy ⊙ a.
//
// d_y [rows, F], or CONCAT [rows, 2F]  a, b [rows, F] (unused unless PRODUCT)  → d_a, d_b [rows, F]
// Workgroup: 64 invocations, each with four neighbouring numbers. Grid: folded over (x, y). Names in capitals are generated constants.

fn rows() -> u32 { return u.rows; }
fn columns() -> u32 { return u.features; }

fn visit(row: u32, column: u32) {
    let i = row * u.features + column;
    let count = u.features - column;
    if (CONCAT) {
        put_d_a(i, get_d_y(i + row * u.features), count);
        put_d_b(i, get_d_y(i + (row + 1u) * u.features), count);
        return;
    }
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
