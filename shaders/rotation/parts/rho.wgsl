// ρ and q of four neighbouring filters in a zone, from what the linear map made of the virtual sample there:
// q = v + bias, or ALIGNED √(v + bias²); ρ = L/(|q| + ε), L = limit, or LEARN_PER_LAYER exp(λ[0]), or LEARN_PER_UNIT exp(λ[n]).
// Needs the bindings b, lambda and rotation [2·zones·filters], which takes ρ, then q.
fn rotate(zones: u32, zone: u32, n: u32, v: vec4<f32>) {
    var bias = vec4<f32>();
    if (HAS_BIAS) {
        bias = get_b(n);
    }
    var q = v + bias;
    if (ALIGNED) {
        q = sqrt(v + bias * bias);
    }
    var limit = vec4<f32>(u.limit);
    if (LEARN_PER_LAYER) {
        limit = vec4<f32>(exp(lambda[0]));
    }
    if (LEARN_PER_UNIT) {
        let i = min(vec4<u32>(n) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(u.filters - 1u));
        limit = exp(vec4<f32>(lambda[i.x], lambda[i.y], lambda[i.z], lambda[i.w]));
    }
    put_rotation(zone * u.filters + n, limit / (abs(q) + u.epsilon), u.filters - n);
    put_rotation((zones + zone) * u.filters + n, q, u.filters - n);
}
