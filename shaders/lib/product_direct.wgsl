// C[row, col] = Σ_k A[row, k]·B[k, col] straight from the buffers, for software adapters, whose workgroup
// memory is no faster than any other. The stem's side is that of product_tile.wgsl.
//
// Tile: 4 × 4 sums an invocation in named vec4s; workgroup 8 × 8 invocations. Rows and columns past the end
// are clamped while summing and not stored. Grid: (⌈cols/32⌉, ⌈rows/32⌉, 1).

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.y * 4u;
    let col = id.x * 4u;
    let last_row = rows() - 1u;
    let last_col = cols() - 1u;
    let r0 = min(row, last_row);
    let r1 = min(row + 1u, last_row);
    let r2 = min(row + 2u, last_row);
    let r3 = min(row + 3u, last_row);
    let q0 = min(col, last_col);
    let q1 = min(col + 1u, last_col);
    let q2 = min(col + 2u, last_col);
    let q3 = min(col + 3u, last_col);
    var c0 = vec4<f32>();
    var c1 = vec4<f32>();
    var c2 = vec4<f32>();
    var c3 = vec4<f32>();
    for (var k = 0u; k < depth(); k++) {
        let b = vec4<f32>(load_b(k, q0), load_b(k, q1), load_b(k, q2), load_b(k, q3));
        c0 += load_a(r0, k) * b;
        c1 += load_a(r1, k) * b;
        c2 += load_a(r2, k) * b;
        c3 += load_a(r3, k) * b;
    }
    store_quad(row, col, c0);
    store_quad(row + 1u, col, c1);
    store_quad(row + 2u, col, c2);
    store_quad(row + 3u, col, c3);
}
