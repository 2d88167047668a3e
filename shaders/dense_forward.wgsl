// dense_forward: f = x·W + b; z = ρ ⊙ f; y = σ(z), in one pass over the product.
//
// x [B, K]  w [K, N]  b [N] (any, when has_bias = 0)  rotation [2N]: ρ then q (any, when rotated = 0)
// → z [B, N] (not written when keep_z = 0)  y [B, N]
// Product: rows B, depth K, columns N. Tiles and grid: lib/product_*.wgsl; loading: lib/load/dense_forward*.wgsl.

const A_ALONG_K: bool = true;
const B_ALONG_K: bool = false;

fn rows() -> u32 { return u.batch; }
fn depth() -> u32 { return u.inputs; }
fn cols() -> u32 { return u.units; }

fn store(row: u32, col: u32, sum: f32) {
    var value = sum;
    if (u.has_bias != 0u) {
        value += b[col];
    }
    if (u.rotated != 0u) {
        value *= rotation[col];
    }
    let i = row * u.units + col;
    if (u.keep_z != 0u) {
        z[i] = value;
    }
    y[i] = activation(value);
}
