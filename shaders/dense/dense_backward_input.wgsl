// dense_backward_input: dx = df·Wᵀ.
//
// d_f [B, N]  w [K, N]  → d_x [B, K]
// Product: rows B, depth N, columns K. Tiles and grid: product/parts/product_*.wgsl.

const A_ALONG_K: bool = true;
const B_ALONG_K: bool = true;

fn parts() -> u32 { return 1u; }
fn rows() -> u32 { return u.batch; }
fn depth() -> u32 { return u.units; }
fn cols() -> u32 { return u.inputs; }

fn line_a(row: u32, k: u32) -> vec4<f32> { return get_d_f(row * u.units + k); }
fn line_b(col: u32, k: u32) -> vec4<f32> { return get_w(col * u.units + k); }

fn store(row: u32, col: u32, sums: vec4<f32>, of_columns: vec4<f32>) {
    put_d_x(row * u.inputs + col, sums, u.inputs - col);
}
