// rmsprop: v = ρ·v + (1 − ρ)·g²; change = lr·g/√(v + ε); w = w − change,
// or m = μ·m + change; w = w − m with momentum (Keras' form: ε inside the root). Kept: v, and m with momentum.

fn update(gradient: vec4<f32>, sizes: vec3<f32>, w: vec4<f32>, kept: ptr<function, array<vec4<f32>, 2>>) -> vec4<f32> {
    let v = u.rho * (*kept)[0] + (1.0 - u.rho) * gradient * gradient;
    var change = sizes.x * gradient / sqrt(v + u.epsilon);
    if (u.momentum != 0.0) {
        change += u.momentum * (*kept)[1];
    }
    *kept = array(v, change);
    return w - change;
}
