// As product_gates.wgsl, for steps whose few sums do not fill a GPU: the depth is split over the invocations of a workgroup, whose
// partial sums are added gate by gate in a fixed order.
//
// Tile: 4 rows × 64 units × GATES sums per workgroup: 16 blocks of 4 × 4 side by side, 16 slices of the depth, each with as
// many neighbouring blocks of four k, of which a round takes LOADS. Workgroup memory: 256 blocks of 4 × 4 partial sums, 16 KiB.
// Grid: ⌈units/64⌉ · ⌈rows/4⌉ groups, folded over (x, y).

const BLOCKS: u32 = 16u;
const SLICES: u32 = 16u;

// partial[i][slice·BLOCKS + block]: row i of the block's sums.
var<workgroup> partial: array<array<vec4<f32>, 256>, 4>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = group.y * groups.x + group.x;
    let across = (units() + 4u * BLOCKS - 1u) / (4u * BLOCKS);
    let block = local % BLOCKS;
    let slice = local / BLOCKS;
    let row = index / across * 4u;
    let unit = (index % across * BLOCKS + block) * 4u;
    var c#b = mat4x4<f32>();
    if (row < rows() && unit < units()) {
        // As in product_reduce.wgsl.
        let all = (depth() + 3u) / 4u;
        let whole = select(depth() / (4u * LOADS * SLICES) * LOADS, 0u, LOADS == 1u);
        let k = 4u * slice * whole;
        let at_a = lines_a(row, k);
        let at_b#b = lines_b(k, gate_column(#bu) + unit);
        for (var i = 0u; i < whole; i += LOADS) {
            let a#q = block_a(moved_a(at_a, i, #qu), k, true);
            c#b = added(c#b, a#q, block_b(moved_b(at_b#b, i, #qu), k, true));
        }
        let rest = whole * SLICES + slice;
        let rest_a = lines_a(row, 4u * rest);
        let rest_b#b = lines_b(4u * rest, gate_column(#bu) + unit);
        for (var i = 0u; rest + i < all; i += SLICES) {
            let k = 4u * (rest + i);
            let a = block_a(moved_a(rest_a, i, 0u), k, false);
            c#b = added(c#b, a, block_b(moved_b(rest_b#b, i, 0u), k, false));
        }
    }
    // The first 64 invocations add the slices, each those of one row of a block.
    var sums: array<vec4<f32>, 4>;
    for (var gate = 0u; gate < GATES; gate++) {
        var mine = mat4x4<f32>();
        if (gate == #bu) { mine = c#b; }
        workgroupBarrier();
        partial[#n][local] = mine[#n];
        workgroupBarrier();
        if (local < 4u * BLOCKS) {
            for (var s = 0u; s < SLICES; s++) {
                sums[gate] += partial[slice][s * BLOCKS + block];
            }
        }
    }
    if (local < 4u * BLOCKS && row + slice < rows() && unit < units()) {
        end(row + slice, unit, sums);
    }
}
