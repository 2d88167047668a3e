// copy_rows: copies columns of one matrix to columns of another; REVERSED: the last first.
//
// values: row r from first + r·stride on  → out: row r from out_first + r·out_stride on, `width` numbers per row
// Workgroup: 64 invocations, each with four neighbouring numbers. Grid: folded over (x, y). REVERSED is a generated constant.

fn rows() -> u32 { return u.rows; }
fn columns() -> u32 { return u.width; }

fn visit(row: u32, column: u32) {
    let source = u.first + row * u.stride;
    let place = u.out_first + row * u.out_stride + column;
    let count = u.width - column;
    if (REVERSED) {
        for (var i = 0u; i < min(4u, count); i++) {
            put_out(place + i, get_values(source + count - 1u - i), 1u);
        }
    } else {
        put_out(place, get_values(source + column), count);
    }
}
