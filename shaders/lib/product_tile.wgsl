// C[row, col] = Σ_k A[row, k]·B[k, col] through workgroup memory, for adapters where that is fast.
// The stem gives rows(), depth(), cols(), load_a(row, k), load_b(k, col) and store(row, col, sum).
//
// Tile: 64 rows × 64 columns a workgroup, 16 k at a time; 4 × 4 sums an invocation, in named vec4s.
// Workgroup memory: 2 × 16 × 64 numbers, 8 KiB. Grid: (⌈cols/64⌉, ⌈rows/64⌉, 1).

const DEPTH: u32 = 16u;
const QUADS: u32 = 16u;

var<workgroup> tile_a: array<vec4<f32>, 256>;
var<workgroup> tile_b: array<vec4<f32>, 256>;

fn padded_a(row: u32, k: u32) -> f32 {
    if (row < rows() && k < depth()) {
        return load_a(row, k);
    }
    return 0.0;
}

fn padded_b(k: u32, col: u32) -> f32 {
    if (k < depth() && col < cols()) {
        return load_b(k, col);
    }
    return 0.0;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let first_row = group.y * 64u;
    let first_col = group.x * 64u;
    let fast = local % QUADS;
    let slow = local / QUADS;
    // Neighbouring invocations read neighbouring addresses: which index runs fast depends on the operand's layout.
    let a_k = select(slow, fast, A_ALONG_K);
    let a_quad = select(fast, slow, A_ALONG_K);
    let b_k = select(slow, fast, B_ALONG_K);
    let b_quad = select(fast, slow, B_ALONG_K);
    let a_row = first_row + a_quad * 4u;
    let b_col = first_col + b_quad * 4u;
    var c0 = vec4<f32>();
    var c1 = vec4<f32>();
    var c2 = vec4<f32>();
    var c3 = vec4<f32>();
    for (var k0 = 0u; k0 < depth(); k0 += DEPTH) {
        let ka = k0 + a_k;
        let kb = k0 + b_k;
        tile_a[a_k * QUADS + a_quad] =
            vec4<f32>(padded_a(a_row, ka), padded_a(a_row + 1u, ka), padded_a(a_row + 2u, ka), padded_a(a_row + 3u, ka));
        tile_b[b_k * QUADS + b_quad] =
            vec4<f32>(padded_b(kb, b_col), padded_b(kb, b_col + 1u), padded_b(kb, b_col + 2u), padded_b(kb, b_col + 3u));
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k++) {
            let a = tile_a[k * QUADS + slow];
            let b = tile_b[k * QUADS + fast];
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
