// rotate_forward: q = f(x_Q) of every unit and ρ = L/(|q| + ε).
//   rule 0, diagonal: q = x_Q·Σ_k W[k, n] + b[n]        rule 1, aligned: q = √(x_Q²·Σ_k W[k, n]² + b[n]²)
//   learn 0: L = limit    1: L = exp(λ[0])    2: L = exp(λ[n])
//
// w [K, N]  b [N] (any, when has_bias = 0)  lambda [1 or N] (any, when learn = 0)  → rotation [2N]: ρ then q
// Workgroup: 16 columns × 16 slices of K. Sums of 16 terms are summed in turn: a small q is a difference of large
// numbers, and compensated sums are optimised away by some drivers.
// Grid: (⌈N/16⌉, 1, 1).

var<workgroup> partial: array<f32, 256>;

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let n = group.x * 16u + local.x;
    var sum = 0.0;
    if (n < u.units) {
        for (var k0 = local.y * 16u; k0 < u.inputs; k0 += 256u) {
            var block = 0.0;
            for (var k = k0; k < min(k0 + 16u, u.inputs); k++) {
                let weight = w[k * u.units + n];
                block += select(weight, weight * weight, u.rule == 1u);
            }
            sum += block;
        }
    }
    partial[local.y * 16u + local.x] = sum;
    workgroupBarrier();
    if (local.y != 0u || n >= u.units) {
        return;
    }
    for (var slice = 1u; slice < 16u; slice++) {
        sum += partial[slice * 16u + local.x];
    }
    var bias = 0.0;
    if (u.has_bias != 0u) {
        bias = b[n];
    }
    var q = u.x_q * sum + bias;
    if (u.rule == 1u) {
        q = sqrt(u.x_q * u.x_q * sum + bias * bias);
    }
    var limit = u.limit;
    if (u.learn != 0u) {
        limit = exp(lambda[select(0u, n, u.learn == 2u)]);
    }
    rotation[n] = limit / (abs(q) + u.epsilon);
    rotation[u.units + n] = q;
}
