// rotate_backward: through σ and ρ, with the sums over the batch that ρ, λ and the bias need.
//   dz = dy ⊙ σ'(z)    df = ρ ⊙ dz    s = Σ_batch dz ⊙ z    dq = −sign(q)·s/(|q| + ε), 0 when detached
//   db = Σ_batch df + dq (diagonal) or + b·dq/q (aligned)
//   shift = x_Q·dq (diagonal), scale = x_Q²·dq/q (aligned): what dense_backward_weight adds to column n
// A classic layer (rotated = 0) has ρ = 1 and dq = 0.
//
// d_y, z [B, N] (z is y where σ' follows from y)  rotation [2N]: ρ then q (any, when rotated = 0)
// b [N] (any, when has_bias = 0)  → d_f [B, N]  d_b [N]  virtual_sample [2N]: shift then scale  s [N]
// (d_b, virtual_sample and s are not written when has_bias = 0 or rotated = 0.)
// Workgroup: 16 columns × 16 slices of the batch, summed in a fixed order. Grid: (⌈N/16⌉, 1, 1).

var<workgroup> partial_s: array<f32, 256>;
var<workgroup> partial_b: array<f32, 256>;

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let n = group.x * 16u + local.x;
    let here = local.y * 16u + local.x;
    var sum_s = 0.0;
    var sum_b = 0.0;
    if (n < u.units) {
        var rho = 1.0;
        if (u.rotated != 0u) {
            rho = rotation[n];
        }
        for (var row = local.y; row < u.batch; row += 16u) {
            let i = row * u.units + n;
            let value = z[i];
            let d_z = d_y[i] * activation_derivative(value);
            let upstream = rho * d_z;
            d_f[i] = upstream;
            sum_s += d_z * value;
            sum_b += upstream;
        }
    }
    partial_s[here] = sum_s;
    partial_b[here] = sum_b;
    workgroupBarrier();
    if (local.y != 0u || n >= u.units) {
        return;
    }
    for (var slice = 1u; slice < 16u; slice++) {
        sum_s += partial_s[slice * 16u + local.x];
        sum_b += partial_b[slice * 16u + local.x];
    }
    if (u.rotated != 0u) {
        let q = rotation[u.units + n];
        var d_q = 0.0;
        if (u.detached == 0u) {
            d_q = -sign(q) * sum_s / (abs(q) + u.epsilon);
        }
        var shift = u.x_q * d_q;
        var scale = 0.0;
        var bias_share = d_q;
        if (u.rule == 1u) {
            let per_q = select(d_q / q, 0.0, q == 0.0);
            shift = 0.0;
            scale = u.x_q * u.x_q * per_q;
            bias_share = 0.0;
            if (u.has_bias != 0u) {
                bias_share = b[n] * per_q;
            }
        }
        sum_b += bias_share;
        virtual_sample[n] = shift;
        virtual_sample[u.units + n] = scale;
        s[n] = sum_s;
    }
    if (u.has_bias != 0u) {
        d_b[n] = sum_b;
    }
}
