// Blocks of 4 × 4 from loaders that take number by number: rows and columns past the end repeat the last, k past the end
// gives 0.
fn column_a(row: u32, k: u32) -> vec4<f32> {
    if (k >= depth()) {
        return vec4<f32>();
    }
    let last = rows() - 1u;
    return vec4<f32>(
        load_a(min(row, last), k),
        load_a(min(row + 1u, last), k),
        load_a(min(row + 2u, last), k),
        load_a(min(row + 3u, last), k),
    );
}

fn block_a(row: u32, k: u32) -> mat4x4<f32> {
    return mat4x4<f32>(column_a(row, k), column_a(row, k + 1u), column_a(row, k + 2u), column_a(row, k + 3u));
}

fn line_b(k: u32, col: u32) -> vec4<f32> {
    if (k >= depth()) {
        return vec4<f32>();
    }
    let last = cols() - 1u;
    return vec4<f32>(
        load_b(k, min(col, last)),
        load_b(k, min(col + 1u, last)),
        load_b(k, min(col + 2u, last)),
        load_b(k, min(col + 3u, last)),
    );
}

fn block_b(k: u32, col: u32) -> mat4x4<f32> {
    return mat4x4<f32>(line_b(k, col), line_b(k + 1u, col), line_b(k + 2u, col), line_b(k + 3u, col));
}
