// C[row, col] = Σ_k A[row, k]·B[k, col] through workgroup memory, from vec4 buffers. The stem's side is that of
// product_direct4.wgsl.
//
// Tile: 64 rows × 64 columns a workgroup, 16 k at a time; 4 × 4 sums an invocation, in named vec4s. 64 invocations load
// the blocks of A, 64 others those of B. Workgroup memory: 2 × 16 × 64 numbers, 8 KiB. Grid: (⌈cols/64⌉, ⌈rows/64⌉, 1).

const DEPTH: u32 = 16u;
const QUADS: u32 = 16u;

var<workgroup> tile_a: array<vec4<f32>, 256>;
var<workgroup> tile_b: array<vec4<f32>, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let first_row = group.y * 64u;
    let first_col = group.x * 64u;
    let fast = local % QUADS;
    let slow = local / QUADS;
    // The block that this invocation loads: four k from `block_k`, and the quad of rows or columns.
    let block = local % 64u;
    let along_k = select(block / QUADS, block % 4u, select(B_ALONG_K, A_ALONG_K, local < 64u));
    let quad = select(block % QUADS, block / 4u, select(B_ALONG_K, A_ALONG_K, local < 64u));
    let block_k = along_k * 4u;
    var c0 = vec4<f32>();
    var c1 = vec4<f32>();
    var c2 = vec4<f32>();
    var c3 = vec4<f32>();
    for (var k0 = 0u; k0 < depth(); k0 += DEPTH) {
        let k = k0 + block_k;
        if (local < 64u) {
            var a = mat4x4<f32>();
            if (k < depth() && first_row + quad * 4u < rows()) {
                a = block_a(first_row + quad * 4u, k);
            }
            tile_a[block_k * QUADS + quad] = a[0];
            tile_a[(block_k + 1u) * QUADS + quad] = a[1];
            tile_a[(block_k + 2u) * QUADS + quad] = a[2];
            tile_a[(block_k + 3u) * QUADS + quad] = a[3];
        } else if (local < 128u) {
            var b = mat4x4<f32>();
            if (k < depth() && first_col + quad * 4u < cols()) {
                b = block_b(k, first_col + quad * 4u);
            }
            tile_b[block_k * QUADS + quad] = b[0];
            tile_b[(block_k + 1u) * QUADS + quad] = b[1];
            tile_b[(block_k + 2u) * QUADS + quad] = b[2];
            tile_b[(block_k + 3u) * QUADS + quad] = b[3];
        }
        workgroupBarrier();
        for (var i = 0u; i < DEPTH; i++) {
            let a = tile_a[i * QUADS + slow];
            let b = tile_b[i * QUADS + fast];
            c0 += a.x * b;
            c1 += a.y * b;
            c2 += a.z * b;
            c3 += a.w * b;
        }
        workgroupBarrier();
    }
    let row = first_row + slow * 4u;
    let col = first_col + fast * 4u;
    store_quad(row, col, c0);
    store_quad(row + 1u, col, c1);
    store_quad(row + 2u, col, c2);
    store_quad(row + 3u, col, c3);
}
