// dense_forward: the operands in blocks of 4 × 4, from vec4 buffers.
// Four rows of x at k, k + 1, …: loaded along k, then turned. Rows past the end repeat the last.
fn row_a(row: u32, k: u32) -> vec4<f32> { return x[(min(row, u.batch - 1u) * u.inputs + k) / 4u]; }
fn block_a(row: u32, k: u32) -> mat4x4<f32> {
    return transpose(mat4x4<f32>(row_a(row, k), row_a(row + 1u, k), row_a(row + 2u, k), row_a(row + 3u, k)));
}

fn row_b(k: u32, col: u32) -> vec4<f32> { return w[(k * u.units + col) / 4u]; }
fn block_b(k: u32, col: u32) -> mat4x4<f32> {
    return mat4x4<f32>(row_b(k, col), row_b(k + 1u, col), row_b(k + 2u, col), row_b(k + 3u, col));
}
