// C[row, col] = Σ_k A[row, k]·B[k, col] straight from vec4 buffers, for software adapters. The stem gives rows(),
// depth(), cols(), store(row, col, sum), and 4 × 4 blocks of the operands: block_a(row, k)[i] holds four rows at k + i,
// block_b(k, col)[i] four columns at k + i. depth() and the operands' row lengths are multiples of 4.
//
// Tile: 4 rows × 8 columns of sums an invocation in named vec4s; workgroup 8 × 8 invocations. Rows and columns past the
// end are clamped while summing and not stored. Grid: (⌈cols/64⌉, ⌈rows/32⌉, 1).

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.y * 4u;
    let left = id.x * 8u;
    let right = left + 4u;
    if (row >= rows() || left >= cols()) {
        return;
    }
    var l0 = vec4<f32>();
    var l1 = vec4<f32>();
    var l2 = vec4<f32>();
    var l3 = vec4<f32>();
    var r0 = vec4<f32>();
    var r1 = vec4<f32>();
    var r2 = vec4<f32>();
    var r3 = vec4<f32>();
    let right_or_left = select(left, right, right < cols());
    for (var k = 0u; k < depth(); k += 4u) {
        let a = block_a(row, k);
        let bl = block_b(k, left);
        let br = block_b(k, right_or_left);
        l0 += a[0].x * bl[0] + a[1].x * bl[1] + a[2].x * bl[2] + a[3].x * bl[3];
        l1 += a[0].y * bl[0] + a[1].y * bl[1] + a[2].y * bl[2] + a[3].y * bl[3];
        l2 += a[0].z * bl[0] + a[1].z * bl[1] + a[2].z * bl[2] + a[3].z * bl[3];
        l3 += a[0].w * bl[0] + a[1].w * bl[1] + a[2].w * bl[2] + a[3].w * bl[3];
        r0 += a[0].x * br[0] + a[1].x * br[1] + a[2].x * br[2] + a[3].x * br[3];
        r1 += a[0].y * br[0] + a[1].y * br[1] + a[2].y * br[2] + a[3].y * br[3];
        r2 += a[0].z * br[0] + a[1].z * br[1] + a[2].z * br[2] + a[3].z * br[3];
        r3 += a[0].w * br[0] + a[1].w * br[1] + a[2].w * br[2] + a[3].w * br[3];
    }
    store_quad(row, left, l0);
    store_quad(row + 1u, left, l1);
    store_quad(row + 2u, left, l2);
    store_quad(row + 3u, left, l3);
    store_quad(row, right, r0);
    store_quad(row + 1u, right, r1);
    store_quad(row + 2u, right, r2);
    store_quad(row + 3u, right, r3);
}
