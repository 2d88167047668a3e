// 4 × 4 blocks of a product's operands, C[row, col] = Σ_k A[row, k]·B[k, col], put together from stored lines of four numbers. The
// stem provides rows(), depth() and cols(), and for A (for B likewise, with columns for rows):
//   A_ALONG_K: whether a line is four k of one row, else it is four rows of one k
//   PlaceA: what tells where a line lies; an alias or a structure
//   place_a(row, k): the place of the line that begins there
//   after_a(place, n): of the n-th line after it along k, so 4·n k or n k further
//   line_a(place): the line
// A block's columns are k to k + 3, each with four rows of A or four columns of B. Past the end, rows and columns hold some finite
// number of the operand (their sums are not stored), and k zeros.
//
// A loop keeps the places of the lines of its first block and moves on from there. `inside` says that all k of a block are below the
// depth.

// The places of the lines of the block at `row` and `k`.
fn lines_a(row: u32, k: u32) -> array<PlaceA, 4> {
    let last = rows() - 1u;
    let first = place_a(min(row, last), k);
    if (A_ALONG_K) {
        return array<PlaceA, 4>(first, place_a(min(row + 1u, last), k), place_a(min(row + 2u, last), k), place_a(min(row + 3u, last), k));
    }
    return array<PlaceA, 4>(first, after_a(first, 1u), after_a(first, 2u), after_a(first, 3u));
}

// Those of the block `blocks` + `more` further along k.
fn moved_a(at: array<PlaceA, 4>, blocks: u32, more: u32) -> array<PlaceA, 4> {
    if (A_ALONG_K) {
        return array<PlaceA, 4>(
            after_a(after_a(at[0], blocks), more),
            after_a(after_a(at[1], blocks), more),
            after_a(after_a(at[2], blocks), more),
            after_a(after_a(at[3], blocks), more),
        );
    }
    let lines = 4u * (blocks + more);
    if (LOADS == 1u) {
        let first = after_a(at[0], lines);
        return array<PlaceA, 4>(first, after_a(first, 1u), after_a(first, 2u), after_a(first, 3u));
    }
    return array<PlaceA, 4>(after_a(at[0], lines), after_a(at[1], lines), after_a(at[2], lines), after_a(at[3], lines));
}

// A line, with zeros where k is past the end of the depth; `n` is its number in the block at `k`. It is read in one place: compilers
// copy what is called, and all that it calls, before they see which copies are dead.
fn inside_a(place: PlaceA, k: u32, n: u32, inside: bool) -> vec4<f32> {
    let whole = QUADS || inside;
    if (!whole && !A_ALONG_K && k + n >= depth()) {
        return vec4<f32>();
    }
    let line = line_a(place);
    if (whole || !A_ALONG_K) {
        return line;
    }
    return select(vec4<f32>(), line, vec4<u32>(k) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(depth()));
}

fn block_a(at: array<PlaceA, 4>, k: u32, inside: bool) -> mat4x4<f32> {
    let lines = mat4x4<f32>(
        inside_a(at[0], k, 0u, inside),
        inside_a(at[1], k, 1u, inside),
        inside_a(at[2], k, 2u, inside),
        inside_a(at[3], k, 3u, inside),
    );
    if (A_ALONG_K) {
        return transpose(lines);
    }
    return lines;
}

// The places of the lines of the block at `k` and `col`.
fn lines_b(k: u32, col: u32) -> array<PlaceB, 4> {
    let last = cols() - 1u;
    let first = place_b(k, min(col, last));
    if (B_ALONG_K) {
        return array<PlaceB, 4>(first, place_b(k, min(col + 1u, last)), place_b(k, min(col + 2u, last)), place_b(k, min(col + 3u, last)));
    }
    return array<PlaceB, 4>(first, after_b(first, 1u), after_b(first, 2u), after_b(first, 3u));
}

// Those of the block `blocks` + `more` further along k.
fn moved_b(at: array<PlaceB, 4>, blocks: u32, more: u32) -> array<PlaceB, 4> {
    if (B_ALONG_K) {
        return array<PlaceB, 4>(
            after_b(after_b(at[0], blocks), more),
            after_b(after_b(at[1], blocks), more),
            after_b(after_b(at[2], blocks), more),
            after_b(after_b(at[3], blocks), more),
        );
    }
    let lines = 4u * (blocks + more);
    if (LOADS == 1u) {
        let first = after_b(at[0], lines);
        return array<PlaceB, 4>(first, after_b(first, 1u), after_b(first, 2u), after_b(first, 3u));
    }
    return array<PlaceB, 4>(after_b(at[0], lines), after_b(at[1], lines), after_b(at[2], lines), after_b(at[3], lines));
}

// A line, with zeros where k is past the end of the depth; `n` is its number in the block at `k`.
fn inside_b(place: PlaceB, k: u32, n: u32, inside: bool) -> vec4<f32> {
    let whole = QUADS || inside;
    if (!whole && !B_ALONG_K && k + n >= depth()) {
        return vec4<f32>();
    }
    let line = line_b(place);
    if (whole || !B_ALONG_K) {
        return line;
    }
    return select(vec4<f32>(), line, vec4<u32>(k) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(depth()));
}

fn block_b(at: array<PlaceB, 4>, k: u32, inside: bool) -> mat4x4<f32> {
    let lines = mat4x4<f32>(
        inside_b(at[0], k, 0u, inside),
        inside_b(at[1], k, 1u, inside),
        inside_b(at[2], k, 2u, inside),
        inside_b(at[3], k, 3u, inside),
    );
    if (B_ALONG_K) {
        return transpose(lines);
    }
    return lines;
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
