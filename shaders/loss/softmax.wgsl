// softmax: y = exp(x − top)/total from a row's numbers (softmax_parts.wgsl, softmax_finish.wgsl).
//
// x [R, C]  numbers [R, 4]: top, total  → y [R, C]
// Workgroup: 64 invocations, each with four neighbouring classes of a row. Grid: folded over (x, y).

fn rows() -> u32 { return u.rows; }
fn columns() -> u32 { return u.classes; }

fn visit(row: u32, c: u32) {
    let place = row * u.classes + c;
    let value = exp(get_x(place) - numbers[4u * row]) / numbers[4u * row + 1u];
    put_y(place, value, u.classes - c);
}
