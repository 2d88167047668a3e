// dense_forward: f = x·W + b; z = ρ ⊙ f; y = σ(z), and q and ρ of every unit, in one pass over the product.
//   rule 0, diagonal: q = x_Q·Σ_k W[k, n] + b[n]        rule 1, aligned: q = √(x_Q²·Σ_k W[k, n]² + b[n]²)
//   ρ = L/(|q| + ε)        learn 0: L = limit    1: L = exp(λ[0])    2: L = exp(λ[n])
// Every workgroup passes over all k of its columns, so it has their sums of W for the adding.
//
// x [B, K]  w [K, N]  b [N] (any, when has_bias = 0)  lambda [1 or N] (any, when learn = 0)
// → rotation [2N]: ρ then q (not written by a classic layer)  z [B, N] (not written when keep_z = 0)  y [B, N]
// Product: rows B, depth K, columns N. Tiles and grid: lib/product_*.wgsl. The generated constant COLUMN_SUMS tells a
// rotated layer from a classic one.

const A_ALONG_K: bool = true;
const B_ALONG_K: bool = false;

fn rows() -> u32 { return u.batch; }
fn depth() -> u32 { return u.inputs; }
fn cols() -> u32 { return u.units; }

fn line_a(row: u32, k: u32) -> vec4<f32> { return get_x(row * u.inputs + k); }
fn line_b(k: u32, col: u32) -> vec4<f32> { return get_w(k * u.units + col); }

fn column_term(weights: vec4<f32>) -> vec4<f32> {
    return select(weights, weights * weights, u.rule == 1u);
}

// ρ of four columns; the first rows' invocation stores it with q.
fn finish_columns(col: u32, sums: vec4<f32>, first: bool) -> vec4<f32> {
    if (col >= u.units) {
        return vec4<f32>();
    }
    var bias = vec4<f32>();
    if (u.has_bias != 0u) {
        bias = get_b(col);
    }
    var q = u.x_q * sums + bias;
    if (u.rule == 1u) {
        q = sqrt(u.x_q * u.x_q * sums + bias * bias);
    }
    var limit = vec4<f32>(u.limit);
    if (u.learn == 1u) {
        limit = vec4<f32>(exp(lambda[0]));
    }
    if (u.learn == 2u) {
        let last = u.units - 1u;
        limit = exp(vec4<f32>(
            lambda[min(col, last)], lambda[min(col + 1u, last)], lambda[min(col + 2u, last)], lambda[min(col + 3u, last)],
        ));
    }
    let rho = limit / (abs(q) + u.epsilon);
    if (first) {
        put_rotation(col, rho, u.units - col);
        put_rotation(u.units + col, q, u.units - col);
    }
    return rho;
}

fn store(row: u32, col: u32, sums: vec4<f32>, rho: vec4<f32>) {
    var value = sums;
    if (u.has_bias != 0u) {
        value += get_b(col);
    }
    if (COLUMN_SUMS) {
        value *= rho;
    }
    let first = row * u.units + col;
    if (u.keep_z != 0u) {
        put_z(first, value, u.units - col);
    }
    put_y(first, activations(value), u.units - col);
}
