// rotate_backward: through σ and ρ, with the sums over the batch that ρ, λ and the bias need.
//   dz = dy ⊙ σ'(z)    df = ρ ⊙ dz    s = Σ_batch dz ⊙ z    dq = −sign(q)·s/(|q| + ε), 0 when detached
//   db = Σ_batch df + dq (diagonal) or + b·dq/q (aligned)
//   x_Q·dq (diagonal) or x_Q²·dq/q (aligned): what dense_backward_weight adds to column n, or to its multiple of W
// A classic layer (rotated = 0) has ρ = 1 and dq = 0.
//
// d_y, z [B, N] (z is y where σ' follows from y)  rotation [2N]: ρ then q (any, when rotated = 0)
// b [N] (any, when has_bias = 0)  → d_f [B, N]  d_b [N]  virtual_sample [N]  s [N]
// (d_b, virtual_sample and s are not written when has_bias = 0 or rotated = 0.)
// Workgroup: 4 quads of columns × 64 slices of the batch, summed in a fixed order. Grid: (⌈N/16⌉, 1, 1).

const SLICES: u32 = 64u;

var<workgroup> partial_s: array<vec4<f32>, 256>;
var<workgroup> partial_b: array<vec4<f32>, 256>;

@compute @workgroup_size(4, 64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let n = (group.x * 4u + local.x) * 4u;
    let count = u.units - min(n, u.units);
    let here = local.y * 4u + local.x;
    var sum_s = vec4<f32>();
    var sum_b = vec4<f32>();
    if (count > 0u) {
        var rho = vec4<f32>(1.0);
        if (u.rotated != 0u) {
            rho = get_rotation(n);
        }
        for (var row = local.y; row < u.batch; row += SLICES) {
            let i = row * u.units + n;
            let value = get_z(i);
            let d_z = get_d_y(i) * activation_derivatives(value);
            let upstream = rho * d_z;
            put_d_f(i, upstream, count);
            sum_s += d_z * value;
            sum_b += upstream;
        }
    }
    partial_s[here] = sum_s;
    partial_b[here] = sum_b;
    workgroupBarrier();
    // Eight slices add those that lie eight apart, then the first adds the eight.
    if (local.y < 8u) {
        for (var slice = local.y + 8u; slice < SLICES; slice += 8u) {
            sum_s += partial_s[slice * 4u + local.x];
            sum_b += partial_b[slice * 4u + local.x];
        }
        partial_s[here] = sum_s;
        partial_b[here] = sum_b;
    }
    workgroupBarrier();
    if (local.y != 0u || count == 0u) {
        return;
    }
    for (var slice = 1u; slice < 8u; slice++) {
        sum_s += partial_s[slice * 4u + local.x];
        sum_b += partial_b[slice * 4u + local.x];
    }
    if (u.rotated != 0u) {
        let q = get_rotation(u.units + n);
        var d_q = vec4<f32>();
        if (u.detached == 0u) {
            d_q = -sign(q) * sum_s / (abs(q) + u.epsilon);
        }
        var share = u.x_q * d_q;
        var bias_share = d_q;
        if (u.rule == 1u) {
            let per_q = select(d_q / q, vec4<f32>(), q == vec4<f32>());
            share = u.x_q * u.x_q * per_q;
            bias_share = vec4<f32>();
            if (u.has_bias != 0u) {
                bias_share = get_b(n) * per_q;
            }
        }
        sum_b += bias_share;
        put_virtual_sample(n, share, count);
        put_s(n, sum_s, count);
    }
    if (u.has_bias != 0u) {
        put_d_b(n, sum_b, count);
    }
}
