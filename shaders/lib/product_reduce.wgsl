// C[row, col] = Σ_k A[row, k]·B[k, col] for outputs too small to fill a GPU: the depth is split over the invocations of a
// workgroup, whose partial sums are added in a fixed order. The stem's side is that of product_direct4.wgsl.
//
// Tile: 16 rows × 16 columns a workgroup, as 4 × 4 blocks; 16 slices of the depth, each taking every sixteenth block of
// four k. Workgroup memory: 256 blocks of 4 × 4 partial sums, 16 KiB. Grid: (⌈cols/16⌉, ⌈rows/16⌉, 1).

const SLICES: u32 = 16u;

// partial[i][slice·16 + block]: row i of the block's sums.
var<workgroup> partial: array<array<vec4<f32>, 256>, 4>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let block = local % 16u;
    let slice = local / 16u;
    let row = group.y * 16u + (block / 4u) * 4u;
    let col = group.x * 16u + (block % 4u) * 4u;
    var c0 = vec4<f32>();
    var c1 = vec4<f32>();
    var c2 = vec4<f32>();
    var c3 = vec4<f32>();
    if (row < rows() && col < cols()) {
        for (var k = slice * 4u; k < depth(); k += SLICES * 4u) {
            let a = block_a(row, k);
            let b = block_b(k, col);
            c0 += a[0].x * b[0] + a[1].x * b[1] + a[2].x * b[2] + a[3].x * b[3];
            c1 += a[0].y * b[0] + a[1].y * b[1] + a[2].y * b[2] + a[3].y * b[3];
            c2 += a[0].z * b[0] + a[1].z * b[1] + a[2].z * b[2] + a[3].z * b[3];
            c3 += a[0].w * b[0] + a[1].w * b[1] + a[2].w * b[2] + a[3].w * b[3];
        }
    }
    partial[0][local] = c0;
    partial[1][local] = c1;
    partial[2][local] = c2;
    partial[3][local] = c3;
    workgroupBarrier();
    // Every invocation adds the slices of one output: 256 outputs, 256 invocations.
    let out_row = local / 16u;
    let out_col = local % 16u;
    let out_block = (out_row / 4u) * 4u + out_col / 4u;
    var sum = 0.0;
    for (var s = 0u; s < SLICES; s++) {
        sum += partial[out_row % 4u][s * 16u + out_block][out_col % 4u];
    }
    let final_row = group.y * 16u + out_row;
    let final_col = group.x * 16u + out_col;
    if (final_row < rows() && final_col < cols()) {
        store(final_row, final_col, sum);
    }
}
