// The products of a recurrent step: for every gate, four neighbouring units of four rows; then end(row, unit, sums) with the sums
// of all gates of the units. The stem provides units(), gate_column(gate), and what product_blocks.wgsl needs.
//
// Tile: 4 rows × 4 units × GATES sums per invocation; workgroup: ACROSS invocations side by side.
// Grid: ⌈units/(4·ACROSS)⌉ · ⌈rows/4⌉ groups, folded over (x, y).

const ACROSS: u32 = 8u;

@compute @workgroup_size(ACROSS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = group.y * groups.x + group.x;
    let across = (units() + 4u * ACROSS - 1u) / (4u * ACROSS);
    let row = index / across * 4u;
    let unit = (index % across * ACROSS + local) * 4u;
    if (row >= rows() || unit >= units()) {
        return;
    }
    // Sums of four rows, each of four units.
    var c#b = mat4x4<f32>();
    for (var k = 0u; k < depth(); k += 4u) {
        let a = block_a(lines_a(row, k), k, false);
        c#b = added(c#b, a, block_b(lines_b(k, gate_column(#bu) + unit), k, false));
    }
    var sums: array<array<vec4<f32>, 4>, 4>;
    sums[#n][#bu] = c#b[#n];
    for (var i = 0u; i < min(4u, rows() - row); i++) {
        end(row + i, unit, sums[i]);
    }
}
