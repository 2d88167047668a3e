// mask_rows: zeros in the rows that do not count.
//
// x [rows, F]  mask [rows]: 0 where a row does not count  → y [rows, F]
// Workgroup: 64 invocations, each with four neighbouring numbers. Grid: folded over (x, y).

fn rows() -> u32 { return u.rows; }
fn columns() -> u32 { return u.features; }

fn visit(row: u32, column: u32) {
    let i = row * u.features + column;
    put_y(i, select(get_x(i), vec4<f32>(), mask[row] == 0.0), u.features - column);
}
