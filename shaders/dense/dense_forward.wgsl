// dense_forward: f = (x − c)/d·W + b; z = ρ ⊙ f; y = σ(z), and q and ρ of every unit (rotation/parts/rho.wgsl), in one pass over the
// product: every workgroup visits all k of its columns, so that their sums over W cost only additions.
//
// x [B, K]  w [K, N]  b [N] (unused without HAS_BIAS)  lambda [1 or N] (unused where L is not learnt)
// → rotation [2N]: ρ then q (written with COLUMN_SUMS)  z [B, N] (written with KEEP_Z)  y [B, N]
// Product: rows B, depth K, columns N. Tiles and grid: product/parts/product_*.wgsl.
// Names in capitals are generated constants; COLUMN_SUMS is true for a rotated layer.

const A_ALONG_K: bool = true;
const B_ALONG_K: bool = false;

fn parts() -> u32 { return 1u; }
fn rows() -> u32 { return u.batch; }
fn depth() -> u32 { return u.inputs; }
fn cols() -> u32 { return u.units; }

alias PlaceA = u32;
fn place_a(row: u32, k: u32) -> u32 { return (row * u.inputs + k) / UNIT; }
fn after_a(place: u32, n: u32) -> u32 { return place + n * (4u / UNIT); }
fn line_a(place: u32) -> vec4<f32> { return in_frame(at_x(place)); }

alias PlaceB = u32;
fn place_b(k: u32, col: u32) -> u32 { return (k * u.units + col) / UNIT; }
fn after_b(place: u32, n: u32) -> u32 { return place + n * (u.units / UNIT); }
fn line_b(place: u32) -> vec4<f32> { return at_w(place); }

// The sums of x_Q·W or of W².
fn with_column(sums: vec4<f32>, weights: vec4<f32>) -> vec4<f32> {
    return fma(weights, select(vec4<f32>(u.x_q), weights, ALIGNED), sums);
}

// ρ of four columns; the invocation of the first rows stores it with q.
fn finish_columns(col: u32, sums: vec4<f32>, first: bool) -> vec4<f32> {
    if (col >= u.units) {
        return vec4<f32>();
    }
    return rotate(1u, 0u, u.units, col, select(1.0, u.x_q * u.x_q, ALIGNED) * sums, first);
}

fn store(row: u32, col: u32, sums: vec4<f32>, rho: vec4<f32>) {
    var value = sums;
    if (HAS_BIAS) {
        value += get_b(col);
    }
    if (COLUMN_SUMS) {
        value *= rho;
    }
    let first = row * u.units + col;
    if (KEEP_Z) {
        put_z(first, value, u.units - col);
    }
    put_y(first, activations(value), u.units - col);
}
