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

struct PlaceA {
    row: u32,
    weight: u32,
}
fn place_a(weight: u32, k: u32) -> PlaceA { return PlaceA(first_row() + k, weight); }
fn after_a(place: PlaceA, n: u32) -> PlaceA { return PlaceA(place.row + n, place.weight); }
fn line_a(place: PlaceA) -> vec4<f32> {
    if (place.row >= u.batch * POSITIONS) {
        return vec4<f32>();
    }
    return four_of_patch(patch_at(place.row), place.weight);
}

// The row, and the column among all filters.
alias PlaceB = vec2<u32>;
fn place_b(k: u32, col: u32) -> PlaceB { return vec2<u32>(first_row() + k, part % GROUPS * GROUP_FILTERS + col); }
fn after_b(place: PlaceB, n: u32) -> PlaceB { return place + vec2<u32>(n, 0u); }
fn line_b(place: PlaceB) -> vec4<f32> {
    return get_d_f(min(place.x, u.batch * POSITIONS - 1u) * FILTERS + place.y);
}

fn store(row: u32, col: u32, sums: vec4<f32>, of_columns: vec4<f32>) {
    let first = (part / GROUPS * rows() + row) * FILTERS + part % GROUPS * GROUP_FILTERS + col;
    put_partials(first, sums, GROUP_FILTERS - col);
}
