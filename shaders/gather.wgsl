// gather: the batch's rows from one chunk of a data set. Rows that lie in other chunks are left alone.
//
// data [rows, width]  order [all rows of the set]  clock  → out [B, width]
// out[r] = data[order[clock.cursor + r] − first_row]
// Workgroup: 64 invocations, each with four numbers of a row. Grid: ⌈B·⌈width/4⌉/64⌉ groups, folded over (x, y).

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_index(group, groups, local, 64u);
    let quads = (u.width + 3u) / 4u;
    if (i >= u.batch * quads) {
        return;
    }
    let r = i / quads;
    let row = order[min(clock[CURSOR] + r, u.last)];
    if (row < u.first_row || row - u.first_row >= u.rows) {
        return;
    }
    let column = (i % quads) * 4u;
    put_out(r * u.width + column, get_data((row - u.first_row) * u.width + column), u.width - column);
}
