// lookup_forward: y[p] = table[x[p]]; not a number where x[p] is not the index of a row.
//
// x [P]  table [rows, C]  → y [P, C]
// Workgroup: 64 invocations, each with four neighbouring numbers of a position. Grid: folded over (x, y).

fn rows() -> u32 { return u.positions; }
fn columns() -> u32 { return u.columns; }

fn visit(position: u32, c: u32) {
    let key = key_of(x[position]);
    let values = get_table(min(key, u.rows - 1u) * u.columns + c);
    put_y(position * u.columns + c, select(values, vec4<f32>(u.missing), key == u.rows), u.columns - c);
}
