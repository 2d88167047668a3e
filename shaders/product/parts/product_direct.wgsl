// C = A·B straight from the buffers, for adapters without fast workgroup memory. For what the stem provides, see product_blocks.wgsl,
// product_tiles.wgsl and product_plain.wgsl.
//
// Tile: 8 rows × 16 columns of sums per invocation, as 2 × 4 blocks of 4 × 4; workgroup: 8 × 8 invocations.
// Grid: (⌈cols/128⌉, ⌈rows/64⌉, parts).

@compute @workgroup_size(8, 8)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
) {
    let tile = tile_of(group, groups);
    let row = tile.y * 64u + local.y * 8u;
    let col = tile.x * 128u + local.x * 16u;
    if (row >= rows() || col >= cols()) {
        return;
    }
    // Sums of four rows, each of four columns.
    var c#a_#b = mat4x4<f32>();
    var f#b = vec4<f32>();
    var part#b = vec4<f32>();
    for (var k = 0u; k < depth(); k += 4u) {
        let a#a = block_a(lines_a(row + #au * 4u, k), k, false);
        let b#b = block_b(lines_b(k, col + #bu * 4u), k, false);
        c#a_#b = added(c#a_#b, a#a, b#b);
        if (COLUMN_SUMS) { part#b = with_block(part#b, b#b); }
        // Sums of 64 terms are added up in turn: a small q is a difference of large numbers.
        if (COLUMN_SUMS && k % 64u == 60u) { f#b += part#b; part#b = vec4<f32>(); }
    }
    if (COLUMN_SUMS) { f#b = finish_columns(col + #bu * 4u, f#b + part#b, row == 0u); }
    store_inside(row + #au * 4u + #nu, col + #bu * 4u, c#a_#b[#n], f#b);
}
