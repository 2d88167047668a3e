// dense_backward_weight: dW = xᵀ·df + the virtual sample's share + the regulariser's share.
// The virtual sample adds shift[n] (diagonal rule: x_Q·dq) and scale[n]·W (aligned rule: x_Q²·dq/q) to column n.
//
// x [B, K]  d_f [B, N]  w [K, N]  virtual_sample [2N]: shift then scale (any, when rotated = 0)
// → d_w [K, N]
// Product: rows K, depth B, columns N. Tiles and grid: lib/product_*.wgsl; loading: lib/load/dense_backward_weight*.wgsl.

const A_ALONG_K: bool = false;
const B_ALONG_K: bool = false;

fn rows() -> u32 { return u.inputs; }
fn depth() -> u32 { return u.batch; }
fn cols() -> u32 { return u.units; }

fn store(row: u32, col: u32, sum: f32) {
    let i = row * u.units + col;
    let weight = w[i];
    var value = sum + u.l1 * sign(weight) + 2.0 * u.l2 * weight;
    if (u.rotated != 0u) {
        value += virtual_sample[col] + virtual_sample[u.units + col] * weight;
    }
    d_w[i] = value;
}
