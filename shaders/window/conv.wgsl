// conv: f[b, p, n] = Σ over taps t and channels c of n's group of x[b, source(p, t), c]·w[t, c, n] + bias[n]; z = ρ ⊙ f;
// y = σ(z). An implicit product: the rows of its left operand are gathered while a block is loaded (window/parts/patches.wgsl).
//
// STRETCHED: over u.depth terms from u.first on; CONTINUES: added to the sums of the previous stretches; unless it ENDS, y receives
// the sums themselves.
//
// x [B, SOURCES, CHANNELS]  w [TAPS, GROUP_CHANNELS, FILTERS], or TURNED [TAPS, GROUP_FILTERS, CHANNELS]  b [FILTERS]
// rotation [2·ZONES·FILTERS]: ρ then q  before as y (unused unless CONTINUES)
// → z, y [B, POSITIONS, FILTERS] (b, rotation, z: window/parts/epilogue.wgsl)
// Product: rows B·POSITIONS, depth TAPS·GROUP_CHANNELS or u.depth, columns GROUP_FILTERS, one part per group. Tiles and grid:
// product/parts/product_*.wgsl. Names in capitals are generated constants.

const A_ALONG_K: bool = true;
const B_ALONG_K: bool = TURNED;

fn parts() -> u32 { return GROUPS; }
fn rows() -> u32 { return u.batch * POSITIONS; }
fn depth() -> u32 { return select(PATCH, u.depth, STRETCHED); }
fn first_term() -> u32 { return select(0u, u.first, STRETCHED); }
fn cols() -> u32 { return GROUP_FILTERS; }

fn line_a(row: u32, k: u32) -> vec4<f32> { return patch_of(row, first_term() + k); }

// TURNED: the place of column `col` at `k`.
fn place_in_w(col: u32, k: u32) -> u32 {
    return (k / GROUP_CHANNELS * GROUP_FILTERS + col) * CHANNELS + part * GROUP_CHANNELS + k % GROUP_CHANNELS;
}

// TURNED: four k of a column, else four columns of a k.
fn line_b(i: u32, place: u32) -> vec4<f32> {
    if (!TURNED) {
        return get_w((first_term() + i) * FILTERS + part * GROUP_FILTERS + place);
    }
    let j = first_term() + place;
    if (WHOLE_TAPS) {
        return get_w(place_in_w(i, j));
    }
    return vec4<f32>(
        get_w(place_in_w(i, j)).x,
        get_w(place_in_w(i, j + 1u)).x,
        get_w(place_in_w(i, j + 2u)).x,
        get_w(place_in_w(i, j + 3u)).x,
    );
}

fn store(row: u32, col: u32, sums: vec4<f32>, of_columns: vec4<f32>) {
    let n = part * GROUP_FILTERS + col;
    let count = GROUP_FILTERS - col;
    var f = sums;
    if (CONTINUES) {
        f += get_before(row * FILTERS + n);
    }
    if (ENDS) {
        end_row(row, n, f, count);
    } else {
        put_y(row * FILTERS + n, f, count);
    }
}
