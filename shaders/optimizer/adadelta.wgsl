// adadelta: v = ρ·v + (1 − ρ)·g²; Δ = √(d + ε)/√(v + ε)·g; d = ρ·d + (1 − ρ)·Δ²; w = w − lr·Δ. Kept: v, d.

fn update(gradient: vec4<f32>, sizes: vec3<f32>, w: vec4<f32>, kept: ptr<function, array<vec4<f32>, 2>>) -> vec4<f32> {
    let rest = 1.0 - u.rho;
    let v = u.rho * (*kept)[0] + rest * gradient * gradient;
    let change = sqrt((*kept)[1] + u.epsilon) / sqrt(v + u.epsilon) * gradient;
    *kept = array(v, u.rho * (*kept)[1] + rest * change * change);
    return w - sizes.x * change;
}
