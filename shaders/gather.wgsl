// gather: the batch's rows from one chunk of a data set. Rows that lie in other chunks are left alone.
//
// data [rows, width]  order [all rows of the set]  clock  → out [B, width]
// out[r] = data[order[clock.cursor + r] − first_row]
// Workgroup: 64 invocations, one a number. Grid: ⌈B·width/64⌉ groups, folded over (x, y).

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_index(group, groups, local, 64u);
    if (i >= u.batch * u.width) {
        return;
    }
    let place = clock[CURSOR] + i / u.width;
    let row = order[min(place, u.last)];
    if (row < u.first_row || row - u.first_row >= u.rows) {
        return;
    }
    out[i] = data[(row - u.first_row) * u.width + i % u.width];
}
