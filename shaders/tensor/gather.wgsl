// gather: the batch's rows from one chunk of a data set. Rows that lie in other chunks are left unchanged.
//
// data [rows, width]  order [a multiple of all rows of the set]  clock  → out [B, width]
// out[r] = data[order[clock.cursor + r] − first_row]
// Workgroup: 64 invocations, each with four numbers of a row. Grid: ⌈B·⌈width/4⌉/64⌉ groups, folded over (x, y).

fn rows() -> u32 { return u.batch; }
fn columns() -> u32 { return u.width; }

fn visit(r: u32, column: u32) {
    let row = order[min(clock[CURSOR] + r, u.last)];
    if (row < u.first_row || row - u.first_row >= u.rows) {
        return;
    }
    put_out(r * u.width + column, get_data((row - u.first_row) * u.width + column), u.width - column);
}
