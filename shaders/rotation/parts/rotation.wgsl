// What s = Σ dz ⊙ z of four units tells, with dq = −sign(q)·s/(|q| + ε), 0 when DETACHED: dq, or ALIGNED dq/q. The share of
// db is the same, or ALIGNED b times it.
fn d_v_of(q: vec4<f32>, s: vec4<f32>) -> vec4<f32> {
    if (DETACHED) {
        return vec4<f32>();
    }
    let d_q = -sign(q) * s / (abs(q) + u.epsilon);
    if (ALIGNED) {
        return select(d_q / q, vec4<f32>(), q == vec4<f32>());
    }
    return d_q;
}
