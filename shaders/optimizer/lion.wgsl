// lion: w = w − lr·sign(β₁·m + (1 − β₁)·g); m = β₂·m + (1 − β₂)·g. Kept: m.

fn update(gradient: vec4<f32>, sizes: vec3<f32>, w: vec4<f32>, kept: ptr<function, array<vec4<f32>, 2>>) -> vec4<f32> {
    let m = (*kept)[0];
    (*kept)[0] = m * u.beta_2 + gradient * (1.0 - u.beta_2);
    return w - sizes.x * sign(m * u.beta_1 + gradient * (1.0 - u.beta_1));
}
