// copy_rows: some columns of the rows of one matrix to columns of another's.
//
// values: row r from first + r·stride on  → out: row r from out_first + r·out_stride on, `width` numbers each
// Workgroup: 64 invocations, each with four neighbouring numbers. Grid: folded over (x, y).

fn rows() -> u32 { return u.rows; }
fn columns() -> u32 { return u.width; }

fn visit(row: u32, column: u32) {
    let value = get_values(u.first + row * u.stride + column);
    put_out(u.out_first + row * u.out_stride + column, value, u.width - column);
}
