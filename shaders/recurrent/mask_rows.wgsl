// mask_rows: zeros in the rows that do not count. MEAN: also rescales a mean over all rows to one over those that count.
//
// x [rows, F]  mask [rows]: 0 where a row does not count  total [1]: how many rows count (unused unless MEAN)  → y [rows, F]
// Workgroup: 64 invocations, each with four neighbouring numbers. Grid: folded over (x, y). MEAN is a generated constant.

fn rows() -> u32 { return u.rows; }
fn columns() -> u32 { return u.features; }

fn visit(row: u32, column: u32) {
    let i = row * u.features + column;
    var value = get_x(i);
    if (MEAN) {
        value *= f32(u.rows) / total[0];
    }
    put_y(i, select(value, vec4<f32>(), mask[row] == 0.0), u.features - column);
}
