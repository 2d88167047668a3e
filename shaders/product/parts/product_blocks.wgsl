// 4 × 4 blocks of a product's operands, C[row, col] = Σ_k A[row, k]·B[k, col]. The stem provides rows(), depth(), cols() and, for each
// operand, its layout and its stored lines:
//   A_ALONG_K: line_a(row, k) has four k of one row, else line_a(k, row) four rows of one k
//   B_ALONG_K: line_b(col, k) has four k of one column, else line_b(k, col) four columns of one k
// A block's columns are k to k + 3, each with four rows of A or four columns of B. Past the end, rows and columns hold some finite
// number of the operand (their sums are not stored), and k zeros.

// The line, with zeros past the end of the depth.
fn until_depth(line: vec4<f32>, k: u32) -> vec4<f32> {
    if (QUADS || k + 4u <= depth()) {
        return line;
    }
    return select(vec4<f32>(), line, vec4<u32>(k) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(depth()));
}

fn run_a(row: u32, k: u32) -> vec4<f32> {
    return until_depth(line_a(min(row, rows() - 1u), k), k);
}

fn level_a(k: u32, row: u32) -> vec4<f32> {
    if (!QUADS && k >= depth()) {
        return vec4<f32>();
    }
    return line_a(k, min(row, rows() - 1u));
}

fn block_a(row: u32, k: u32) -> mat4x4<f32> {
    if (A_ALONG_K) {
        return transpose(mat4x4<f32>(run_a(row, k), run_a(row + 1u, k), run_a(row + 2u, k), run_a(row + 3u, k)));
    }
    return mat4x4<f32>(level_a(k, row), level_a(k + 1u, row), level_a(k + 2u, row), level_a(k + 3u, row));
}

fn run_b(col: u32, k: u32) -> vec4<f32> {
    return until_depth(line_b(min(col, cols() - 1u), k), k);
}

fn level_b(k: u32, col: u32) -> vec4<f32> {
    if (!QUADS && k >= depth()) {
        return vec4<f32>();
    }
    return line_b(k, min(col, cols() - 1u));
}

fn block_b(k: u32, col: u32) -> mat4x4<f32> {
    if (B_ALONG_K) {
        return transpose(mat4x4<f32>(run_b(col, k), run_b(col + 1u, k), run_b(col + 2u, k), run_b(col + 3u, k)));
    }
    return mat4x4<f32>(level_b(k, col), level_b(k + 1u, col), level_b(k + 2u, col), level_b(k + 3u, col));
}

// The sums of four rows, each of four columns, plus the product of a block of A and a block of B, as consecutive multiply-adds.
fn added(c: mat4x4<f32>, a: mat4x4<f32>, b: mat4x4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(
        c[0] + a[0].x * b[0] + a[1].x * b[1] + a[2].x * b[2] + a[3].x * b[3],
        c[1] + a[0].y * b[0] + a[1].y * b[1] + a[2].y * b[2] + a[3].y * b[3],
        c[2] + a[0].z * b[0] + a[1].z * b[1] + a[2].z * b[2] + a[3].z * b[3],
        c[3] + a[0].w * b[0] + a[1].w * b[1] + a[2].w * b[2] + a[3].w * b[3],
    );
}
