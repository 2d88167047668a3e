// rotate: q = v + bias, or ALIGNED √(v + bias²); ρ = L/(|q| + ε), L = limit, or LEARN_PER_LAYER exp(λ[0]), or LEARN_PER_UNIT
// exp(λ[n]).
//
// v [zones, filters]  b [filters] (any, without HAS_BIAS)  lambda [1 or filters] (any, where L is not learnt)
// → rotation [2·zones·filters]: ρ then q
// Workgroup: 64 invocations, each with one q. Grid: folded over (x, y). The capitals are generated constants.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_index(group, groups, local, 64u);
    let count = u.zones * u.filters;
    if (i >= count) {
        return;
    }
    let n = i % u.filters;
    var bias = 0.0;
    if (HAS_BIAS) {
        bias = b[n];
    }
    var q = v[i] + bias;
    if (ALIGNED) {
        q = sqrt(v[i] + bias * bias);
    }
    var limit = u.limit;
    if (LEARN_PER_LAYER) {
        limit = exp(lambda[0]);
    }
    if (LEARN_PER_UNIT) {
        limit = exp(lambda[n]);
    }
    rotation[i] = limit / (abs(q) + u.epsilon);
    rotation[count + i] = q;
}
