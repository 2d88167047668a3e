// C = A·B for outputs too small to fill a GPU: the depth is split over the invocations of a workgroup, whose partial sums are added
// in a fixed order. For what the stem provides, see product_blocks.wgsl, product_tiles.wgsl and product_plain.wgsl.
//
// Tile: 16 blocks of 4 × 4 per workgroup, BLOCKS_ACROSS of them side by side: 16 × 16, or 4 × 64 for a few rows (GEMV). 16 slices
// of the depth, in blocks of four k, of which a round takes LOADS. Workgroup memory: 256 blocks of 4 × 4
// partial sums, 16 KiB. Grid: (⌈cols/(4·BLOCKS_ACROSS)⌉, ⌈rows·BLOCKS_ACROSS/64⌉, parts).

const SLICES: u32 = 16u;
const BLOCKS: u32 = 16u;

// partial[i][slice·BLOCKS + block]: row i of the block's sums.
var<workgroup> partial: array<array<vec4<f32>, 256>, 4>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tile = tile_of(group, groups);
    let block = local % BLOCKS;
    let slice = local / BLOCKS;
    let first_row = tile.y * (BLOCKS / BLOCKS_ACROSS) * 4u;
    let first_col = tile.x * BLOCKS_ACROSS * 4u;
    let row = first_row + (block / BLOCKS_ACROSS) * 4u;
    let col = first_col + (block % BLOCKS_ACROSS) * 4u;
    var c = mat4x4<f32>();
    var column = vec4<f32>();
    if (row < rows() && col < cols()) {
        // In blocks of four k: whole rounds of LOADS for all slices, then of what is left each sixteenth.
        let all = (depth() + 3u) / 4u;
        let whole = select(depth() / (4u * LOADS * SLICES) * LOADS, 0u, LOADS == 1u);
        let k = 4u * slice * whole;
        let at_a = lines_a(row, k);
        let at_b = lines_b(k, col);
        for (var i = 0u; i < whole; i += LOADS) {
            let a#q = block_a(moved_a(at_a, i, #qu), k, true);
            let b#q = block_b(moved_b(at_b, i, #qu), k, true);
            c = added(c, a#q, b#q);
            if (COLUMN_SUMS) { column = with_block(column, b#q); }
        }
        let rest = whole * SLICES + slice;
        let rest_a = lines_a(row, 4u * rest);
        let rest_b = lines_b(4u * rest, col);
        for (var i = 0u; rest + i < all; i += SLICES) {
            let k = 4u * (rest + i);
            let a = block_a(moved_a(rest_a, i, 0u), k, false);
            let b = block_b(moved_b(rest_b, i, 0u), k, false);
            c = added(c, a, b);
            if (COLUMN_SUMS) { column = with_block(column, b); }
        }
    }
    partial[#n][local] = c[#n];
    workgroupBarrier();
    // The first 64 invocations add the slices, each those of one row of a block.
    let line = local / BLOCKS;
    let out_row = first_row + (block / BLOCKS_ACROSS) * 4u + line;
    var sums = vec4<f32>();
    if (local < 4u * BLOCKS) {
        for (var s = 0u; s < SLICES; s++) {
            sums += partial[line][s * BLOCKS + block];
        }
    }
    var of_columns = vec4<f32>();
    if (COLUMN_SUMS) {
        workgroupBarrier();
        partial[0][local] = column;
        workgroupBarrier();
        if (local < 4u * BLOCKS) {
            for (var s = 0u; s < SLICES; s++) {
                of_columns += partial[0][s * BLOCKS + block];
            }
            of_columns = finish_columns(col, of_columns, out_row == 0u);
        }
    }
    if (local < 4u * BLOCKS) {
        store_inside(out_row, col, sums, of_columns);
    }
}
