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

struct PlaceA {
    row: Patch,
    weight: u32,
}
fn place_a(row: u32, k: u32) -> PlaceA { return PlaceA(patch_at(row), first_term() + k); }
fn after_a(place: PlaceA, n: u32) -> PlaceA { return PlaceA(place.row, place.weight + 4u * n); }
fn line_a(place: PlaceA) -> vec4<f32> { return four_of_patch(place.row, place.weight); }

// TURNED: that of the column's first number, and k; else of the line.
alias PlaceB = vec2<u32>;
fn place_b(k: u32, col: u32) -> PlaceB {
    if (TURNED) {
        return vec2<u32>(col * CHANNELS + part * GROUP_CHANNELS, first_term() + k);
    }
    return vec2<u32>(((first_term() + k) * FILTERS + part * GROUP_FILTERS + col) / UNIT, 0u);
}
fn after_b(place: PlaceB, n: u32) -> PlaceB {
    return place + n * select(vec2<u32>(FILTERS / UNIT, 0u), vec2<u32>(0u, 4u), TURNED);
}
fn line_b(place: PlaceB) -> vec4<f32> {
    if (!TURNED) {
        return at_w(place.x);
    }
    if (WHOLE_TAPS) {
        return get_w(turned(place, 0u));
    }
    return vec4<f32>(
        get_w(turned(place, 0u)).x, get_w(turned(place, 1u)).x, get_w(turned(place, 2u)).x, get_w(turned(place, 3u)).x,
    );
}
fn turned(place: PlaceB, i: u32) -> u32 {
    let k = place.y + i;
    return place.x + k / GROUP_CHANNELS * GROUP_FILTERS * CHANNELS + k % GROUP_CHANNELS;
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
