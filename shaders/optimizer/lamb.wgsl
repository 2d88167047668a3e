// lamb: m = m + (1 − β₁)(g − m); v = v + (1 − β₂)(g² − v); w = w − α·a·m/(b·√v + ε), where the host gives a = 1/(1 − β₁ᵗ) and
// b = 1/√(1 − β₂ᵗ); step/trust_ratio.wgsl then applies the change. Kept: m, v.

fn update(gradient: vec4<f32>, sizes: vec3<f32>, w: vec4<f32>, kept: ptr<function, array<vec4<f32>, 2>>) -> vec4<f32> {
    let m = (*kept)[0] + u.one_minus_beta_1 * (gradient - (*kept)[0]);
    let v = (*kept)[1] + u.one_minus_beta_2 * (gradient * gradient - (*kept)[1]);
    *kept = array(m, v);
    return w - sizes.x * sizes.y * m / (sizes.z * sqrt(v) + u.epsilon);
}
