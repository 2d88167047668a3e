// sum_rows: totals[c] = Σ over rows r of values[r, c].
//
// values [rows, columns]  → totals [columns]
// Workgroup: 4 quads of columns × 64 slices of the rows, summed in a fixed order. Grid: (⌈columns/16⌉, 1, 1).

@compute @workgroup_size(ACROSS, SLICES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let column = (group.x * 4u + local.x) * 4u;
    var sum = vec4<f32>();
    if (column < u.columns) {
        for (var row = local.y; row < u.rows; row += SLICES) {
            sum += get_values(row * u.columns + column);
        }
    }
    sum = sum_slices(sum, local);
    if (local.y == 0u && column < u.columns) {
        put_totals(column, sum, u.columns - column);
    }
}
