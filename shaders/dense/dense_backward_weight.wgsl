// dense_backward_weight: dW = ((x − c)/d)ᵀ·df + the virtual sample's share + the regulariser's share.
// The virtual sample adds v[n] or, if ALIGNED, v[n]·W to column n.
//
// x [B, K]  d_f [B, N]  w [K, N]  virtual_sample (v) [N] (unused unless SHARED)
// → d_w [K, N]  d_b [N] = Σ_B df (written with COLUMN_SUMS)
// Product: rows K, depth B, columns N. Tiles and grid: product/parts/product_*.wgsl. Names in capitals are generated constants.

const A_ALONG_K: bool = false;
const B_ALONG_K: bool = false;

fn parts() -> u32 { return 1u; }
fn rows() -> u32 { return u.inputs; }
fn depth() -> u32 { return u.batch; }
fn cols() -> u32 { return u.units; }

alias PlaceA = u32;
fn place_a(row: u32, k: u32) -> u32 { return (k * u.inputs + row) / UNIT; }
fn after_a(place: u32, n: u32) -> u32 { return place + n * (u.inputs / UNIT); }
fn line_a(place: u32) -> vec4<f32> { return in_frame(at_x(place)); }

alias PlaceB = u32;
fn place_b(k: u32, col: u32) -> u32 { return (k * u.units + col) / UNIT; }
fn after_b(place: u32, n: u32) -> u32 { return place + n * (u.units / UNIT); }
fn line_b(place: u32) -> vec4<f32> { return at_d_f(place); }

fn store(row: u32, col: u32, sums: vec4<f32>, of_columns: vec4<f32>) {
    let first = row * u.units + col;
    var value = sums;
    if (SHARED) {
        value += share_of(get_virtual_sample(col), get_w(first));
    }
    if (REGULARISED) {
        let weights = get_w(first);
        value += u.l1 * sign(weights) + 2.0 * u.l2 * weights;
    }
    put_d_w(first, value, u.units - col);
}
