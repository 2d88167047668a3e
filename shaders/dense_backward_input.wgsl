// dense_backward_input: dx = df·Wᵀ.
//
// d_f [B, N]  w [K, N]  → d_x [B, K]
// Product: rows B, depth N, columns K. Tiles and grid: lib/product_*.wgsl; loading: lib/load/dense_backward_input*.wgsl.

const A_ALONG_K: bool = true;
const B_ALONG_K: bool = true;

fn rows() -> u32 { return u.batch; }
fn depth() -> u32 { return u.units; }
fn cols() -> u32 { return u.inputs; }

fn store(row: u32, col: u32, sum: f32) { d_x[row * u.inputs + col] = sum; }
