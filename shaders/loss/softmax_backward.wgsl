// softmax_backward: dx = y ⊙ (dy − Σ dy ⊙ y), the sum being that of the row.
//
// d_y, y [R, C]  sums [R]  → d_x [R, C]
// Workgroup: 64 invocations, each with four neighbouring classes of a row. Grid: folded over (x, y).

fn rows() -> u32 { return u.rows; }
fn columns() -> u32 { return u.classes; }

fn visit(row: u32, c: u32) {
    let place = row * u.classes + c;
    put_d_x(place, get_y(place) * (get_d_y(place) - sums[row]), u.classes - c);
}
