// conv_backward_weight: dW[t, c, n] = Σ over rows (b, p) of x[b, source(p, t), c]·df[b, p, n], in u.splits partial sums of
// u.split_rows rows. An implicit product: the columns of x are gathered while a block is loaded (window/parts/patches.wgsl).
//
// x [B, SOURCES, CHANNELS]  d_f [B, POSITIONS, FILTERS]  → partials [splits, TAPS, GROUP_CHANNELS, FILTERS]
// Product: rows TAPS·GROUP_CHANNELS, depth split_rows, columns GROUP_FILTERS, one part per group and split. Tiles and grid:
// product/parts/product_*.wgsl. Names in capitals are generated constants.

const A_ALONG_K: bool = false;
const B_ALONG_K: bool = false;

fn first_row() -> u32 { return part / GROUPS * u.split_rows; }

fn parts() -> u32 { return GROUPS * u.splits; }
fn rows() -> u32 { return PATCH; }
// The same for all splits, so that the loop over it is uniform; beyond the last row come zeros.
fn depth() -> u32 { return u.split_rows; }
fn cols() -> u32 { return GROUP_FILTERS; }

fn line_a(k: u32, weight: u32) -> vec4<f32> {
    let row = first_row() + k;
    if (row >= u.batch * POSITIONS) {
        return vec4<f32>();
    }
    return patch_of(row, weight);
}

fn line_b(k: u32, col: u32) -> vec4<f32> {
    let row = min(first_row() + k, u.batch * POSITIONS - 1u);
    return get_d_f(row * FILTERS + part % GROUPS * GROUP_FILTERS + col);
}

fn store(row: u32, col: u32, sums: vec4<f32>, of_columns: vec4<f32>) {
    let first = (part / GROUPS * rows() + row) * FILTERS + part % GROUPS * GROUP_FILTERS + col;
    put_partials(first, sums, GROUP_FILTERS - col);
}
