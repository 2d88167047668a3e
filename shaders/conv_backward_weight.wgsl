// conv_backward_weight: dW[t, c, n] = Σ over rows (b, p) of x[b, source(p, t), c]·df[b, p, n], in u.splits partial sums of
// u.split_rows rows. An implicit product: the columns of x are gathered while a block is loaded (lib/taps.wgsl).
//
// x [B, SOURCES, CHANNELS]  d_f [B, POSITIONS, FILTERS]  → partials [splits, TAPS, GROUP_CHANNELS, FILTERS]
// Product: rows TAPS·GROUP_CHANNELS, depth split_rows, columns GROUP_FILTERS, a part for each group of each split. Tiles and
// grid: lib/product_*.wgsl. The capitals are generated constants.

const A_ALONG_K: bool = false;
const B_ALONG_K: bool = false;

fn first_row() -> u32 { return part / GROUPS * u.split_rows; }

fn parts() -> u32 { return GROUPS * u.splits; }
fn rows() -> u32 { return TAPS * GROUP_CHANNELS; }
fn depth() -> u32 {
    let all = u.batch * POSITIONS;
    return min(u.split_rows, all - min(all, first_row()));
}
fn cols() -> u32 { return GROUP_FILTERS; }

// Whether four neighbouring weights belong to one tap.
const WHOLE_TAPS: bool = GROUP_CHANNELS % 4u == 0u;

fn place_in_x(sample: u32, position: vec3<i32>, weight: u32) -> i32 {
    let at = source(position, tap_of(weight / GROUP_CHANNELS));
    let group = part % GROUPS;
    let place = (sample * SOURCES + u32(at)) * CHANNELS + group * GROUP_CHANNELS + weight % GROUP_CHANNELS;
    return select(i32(place), -1, MISSES && at < 0);
}

fn one_of_x(sample: u32, position: vec3<i32>, weight: u32) -> f32 {
    let place = place_in_x(sample, position, weight);
    if (place < 0 || weight >= rows()) {
        return 0.0;
    }
    return get_x(u32(place)).x;
}

fn line_a(k: u32, weight: u32) -> vec4<f32> {
    let row = first_row() + k;
    let sample = row / POSITIONS;
    let position = position_of(row % POSITIONS);
    if (WHOLE_TAPS) {
        let place = place_in_x(sample, position, weight);
        if (MISSES && place < 0) {
            return vec4<f32>();
        }
        return get_x(u32(place));
    }
    return vec4<f32>(
        one_of_x(sample, position, weight),
        one_of_x(sample, position, weight + 1u),
        one_of_x(sample, position, weight + 2u),
        one_of_x(sample, position, weight + 3u),
    );
}

fn line_b(k: u32, col: u32) -> vec4<f32> {
    return get_d_f((first_row() + k) * FILTERS + part % GROUPS * GROUP_FILTERS + col);
}

fn store(row: u32, col: u32, sums: vec4<f32>, of_columns: vec4<f32>) {
    let first = (part / GROUPS * rows() + row) * FILTERS + part % GROUPS * GROUP_FILTERS + col;
    put_partials(first, sums, GROUP_FILTERS - col);
}
