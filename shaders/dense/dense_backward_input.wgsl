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

alias PlaceA = u32;
fn place_a(row: u32, k: u32) -> u32 { return (row * u.units + k) / UNIT; }
fn after_a(place: u32, n: u32) -> u32 { return place + n * (4u / UNIT); }
fn line_a(place: u32) -> vec4<f32> { return at_d_f(place); }

alias PlaceB = u32;
fn place_b(k: u32, col: u32) -> u32 { return (col * u.units + k) / UNIT; }
fn after_b(place: u32, n: u32) -> u32 { return place + n * (4u / UNIT); }
fn line_b(place: u32) -> vec4<f32> { return at_w(place); }

fn store(row: u32, col: u32, sums: vec4<f32>, of_columns: vec4<f32>) {
    put_d_x(row * u.inputs + col, sums, u.inputs - col);
}
