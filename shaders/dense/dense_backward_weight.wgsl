// dense_backward_weight: dW = ((x − c)/d)ᵀ·df + the virtual sample's share + the regulariser's share.
// The virtual sample adds v[n] or, if ALIGNED, v[n]·W to column n.
//
// x [B, K]  d_f [B, N]  w [K, N]  virtual_sample (v) [N] (unused unless SHARED)
// → d_w [K, N]
// Product: rows K, depth B, columns N. Tiles and grid: product/parts/product_*.wgsl. Names in capitals are generated constants.

const A_ALONG_K: bool = false;
const B_ALONG_K: bool = false;

fn parts() -> u32 { return 1u; }
fn rows() -> u32 { return u.inputs; }
fn depth() -> u32 { return u.batch; }
fn cols() -> u32 { return u.units; }

fn line_a(k: u32, row: u32) -> vec4<f32> { return in_frame(get_x(k * u.inputs + row)); }
fn line_b(k: u32, col: u32) -> vec4<f32> { return get_d_f(k * u.units + col); }

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
