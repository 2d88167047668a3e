// ρ of the four units of a zone from n on, from v, which has the terms of the weights; if `store`, writes it with q.
// Needs formula.wgsl, limit_at(unit) and the bindings b (unused without HAS_BIAS) and rotation [2·zones·units]: ρ then q.
fn rotate(zones: u32, zone: u32, units: u32, n: u32, v: vec4<f32>, store: bool) -> vec4<f32> {
    var bias = vec4<f32>();
    if (HAS_BIAS) {
        bias = get_b(n);
    }
    let q = q_of(v + term(bias, ALIGNED));
    let i = min(vec4<u32>(n) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(units - 1u));
    let limit = vec4<f32>(limit_at(i.x), limit_at(i.y), limit_at(i.z), limit_at(i.w));
    let rho = rho_of(q, limit, u.epsilon);
    if (store) {
        put_rotation(zone * units + n, rho, units - n);
        put_rotation((zones + zone) * units + n, q, units - n);
    }
    return rho;
}
