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

fn line_a(row: u32, k: u32) -> vec4<f32> { return in_frame(get_x(row * u.inputs + k)); }
fn line_b(k: u32, col: u32) -> vec4<f32> { return get_w(k * u.units + col); }

fn column_term(weights: vec4<f32>) -> vec4<f32> {
    return term(weights, ALIGNED);
}

// ρ of four columns; the invocation of the first rows stores it with q.
fn finish_columns(col: u32, sums: vec4<f32>, first: bool) -> vec4<f32> {
    if (col >= u.units) {
        return vec4<f32>();
    }
    return rotate(1u, 0u, u.units, col, term(vec4<f32>(u.x_q), ALIGNED) * sums, first);
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
