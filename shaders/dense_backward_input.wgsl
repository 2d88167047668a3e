// dense_backward_input: dx = df·Wᵀ.
//
// d_f [B, N]  w [K, N]  → d_x [B, K]
// Product: rows B, depth N, columns K. Tiles and grid: lib/product_tile.wgsl, lib/product_direct.wgsl.

const A_ALONG_K: bool = true;
const B_ALONG_K: bool = true;

fn rows() -> u32 { return u.batch; }
fn depth() -> u32 { return u.units; }
fn cols() -> u32 { return u.inputs; }

fn load_a(row: u32, k: u32) -> f32 { return d_f[row * u.units + k]; }
fn load_b(k: u32, col: u32) -> f32 { return w[col * u.units + k]; }
fn store(row: u32, col: u32, sum: f32) { d_x[row * u.inputs + col] = sum; }
