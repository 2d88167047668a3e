// adamax: m = m + (1 − β₁)(g − m); u = max(β₂·u, |g|); w = w − α·m/(u + ε), where the host gives the step size α = lr/(1 − β₁ᵗ). Kept: m, u.

fn update(gradient: vec4<f32>, sizes: vec3<f32>, w: vec4<f32>, kept: ptr<function, array<vec4<f32>, 2>>) -> vec4<f32> {
    let m = (*kept)[0] + u.one_minus_beta_1 * (gradient - (*kept)[0]);
    let largest = max(u.beta_2 * (*kept)[1], abs(gradient));
    *kept = array(m, largest);
    return w - sizes.x * m / (largest + u.epsilon);
}
