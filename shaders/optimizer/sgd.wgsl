// sgd: m = μ·m − lr·g; w = w + m, or w + μ·m − lr·g with Nesterov; w = w − lr·g without momentum (Keras' form). Kept: m, with
// momentum.

fn update(gradient: vec4<f32>, sizes: vec3<f32>, w: vec4<f32>, kept: ptr<function, array<vec4<f32>, 2>>) -> vec4<f32> {
    let change = -sizes.x * gradient;
    if (u.momentum == 0.0) {
        return w + change;
    }
    let m = u.momentum * (*kept)[0] + change;
    (*kept)[0] = m;
    return w + select(m, u.momentum * m + change, u.nesterov != 0.0);
}
