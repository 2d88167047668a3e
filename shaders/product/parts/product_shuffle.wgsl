// C = A·B for software adapters with subgroups of 8, where a load that differs between invocations gathers number by number: a
// subgroup shares 32 rows, of which each invocation loads 4 and passes them round. For what the stem provides, see product_blocks.wgsl,
// product_tiles.wgsl and product_plain.wgsl.
//
// Tile: 32 rows × 32 columns per workgroup of 8 invocations, each with all rows of 4 columns: 8 blocks of 4 × 4 sums.
// Grid: (⌈cols/32⌉, ⌈rows/32⌉, parts).

fn of_invocation(other: u32, mine: mat4x4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(
        subgroupShuffle(mine[0], other),
        subgroupShuffle(mine[1], other),
        subgroupShuffle(mine[2], other),
        subgroupShuffle(mine[3], other),
    );
}

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(subgroup_invocation_id) local: u32,
) {
    let tile = tile_of(group, groups);
    let row = tile.y * 32u;
    let col = tile.x * 32u + local * 4u;
    // Sums of four rows, each of four columns.
    var c#a = mat4x4<f32>();
    var f = vec4<f32>();
    var part = vec4<f32>();
    for (var k = 0u; k < depth(); k += 4u) {
        let mine = block_a(lines_a(row + local * 4u, k), k, false);
        let b = block_b(lines_b(k, col), k, false);
        c#a = added(c#a, of_invocation(#au, mine), b);
        if (COLUMN_SUMS) { part = with_block(part, b); }
        // Sums of 64 terms are added up in turn: a small q is a difference of large numbers.
        if (COLUMN_SUMS && k % 64u == 60u) { f += part; part = vec4<f32>(); }
    }
    if (COLUMN_SUMS) { f = finish_columns(col, f + part, row == 0u); }
    // A loop, not unrolled: unrolled, the stores would take 32 times as long to compile.
    var sums: array<vec4<f32>, 32>;
    sums[#a * 4 + #n] = c#a[#n];
    for (var i = 0u; i < min(32u, rows() - min(row, rows())); i++) {
        store_inside(row + i, col, sums[i], f);
    }
}
