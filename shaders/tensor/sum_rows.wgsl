// sum_rows: totals[m, k, c] = Σ over the rows r of block k of values[m, r, c], or SQUARED of its square.
//
// values [parts, rows, columns]  → totals [parts, blocks, columns], a block being u.block rows
// Workgroup: 4 quads of columns × 64 slices of a block's rows, summed in a fixed order. Grid: (⌈columns/16⌉, blocks, parts);
// columns that the first dimension cannot hold continue in the third. SQUARED is a generated constant.

@compute @workgroup_size(ACROSS, SLICES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
) {
    let part = group.z % u.parts;
    let column = ((group.z / u.parts * groups.x + group.x) * 4u + local.x) * 4u;
    let first = group.y * u.block;
    let end = min(first + u.block, u.rows);
    var sum = vec4<f32>();
    if (column < u.columns) {
        for (var row = first + local.y; row < end; row += SLICES) {
            let value = get_values((part * u.rows + row) * u.columns + column);
            sum += select(value, value * value, SQUARED);
        }
    }
    sum = sum_slices(sum, local);
    if (local.y == 0u && column < u.columns) {
        put_totals((part * groups.y + group.y) * u.columns + column, sum, u.columns - column);
    }
}
