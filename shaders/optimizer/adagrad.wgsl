// adagrad: v = v + g²; w = w − lr·g/√(v + initial + ε) (Keras' form, whose accumulator begins with `initial`). Kept: v.

fn update(gradient: vec4<f32>, sizes: vec3<f32>, w: vec4<f32>, kept: ptr<function, array<vec4<f32>, 2>>) -> vec4<f32> {
    let v = (*kept)[0] + gradient * gradient;
    (*kept)[0] = v;
    return w - sizes.x * gradient / sqrt(v + u.initial + u.epsilon);
}
