// Blocks of 4 × 4 of a product's operands, C[row, col] = Σ_k A[row, k]·B[k, col]. The stem gives parts(), how many products
// of one size run side by side; rows(), depth(), cols(), which may depend on `part`, the one at hand; and for each operand its layout and its lines as they are stored:
//   A_ALONG_K: line_a(row, k) has four k of one row, else line_a(k, row) four rows of one k
//   B_ALONG_K: line_b(col, k) has four k of one column, else line_b(k, col) four columns of one k
// A block's columns are k to k + 3, each with four rows of A or four columns of B. Rows and columns past the end hold
// some finite number of the operand (their sums are not stored), k past the end zeros.

var<private> part: u32;

// The column and row of tiles that a workgroup computes, and its part: the grid's third dimension counts the parts, and for
// each the rows of tiles that the second does not hold.
fn tile_of(group: vec3<u32>, groups: vec3<u32>) -> vec2<u32> {
    part = group.z % parts();
    return vec2<u32>(group.x, group.z / parts() * groups.y + group.y);
}

// The line's numbers with zeros from the end of the depth on.
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

// The sums of four rows, each of four columns, with what a block of A and a block of B add: multiply-adds one after another.
fn added(c: mat4x4<f32>, a: mat4x4<f32>, b: mat4x4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(
        c[0] + a[0].x * b[0] + a[1].x * b[1] + a[2].x * b[2] + a[3].x * b[3],
        c[1] + a[0].y * b[0] + a[1].y * b[1] + a[2].y * b[2] + a[3].y * b[3],
        c[2] + a[0].z * b[0] + a[1].z * b[1] + a[2].z * b[2] + a[3].z * b[3],
        c[3] + a[0].w * b[0] + a[1].w * b[1] + a[2].w * b[2] + a[3].w * b[3],
    );
}

// The terms that a block of B adds to the sums over k of its four columns.
fn block_terms(b: mat4x4<f32>) -> vec4<f32> {
    return (column_term(b[0]) + column_term(b[1])) + (column_term(b[2]) + column_term(b[3]));
}

// Hands four neighbouring sums of one row to the stem, with what it made of the columns' sums.
fn store_inside(row: u32, col: u32, sums: vec4<f32>, of_columns: vec4<f32>) {
    if (row < rows() && col < cols()) {
        store(row, col, sums, of_columns);
    }
}
