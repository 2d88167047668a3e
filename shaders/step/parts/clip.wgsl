// Gradients after clipping by norm (the guard's factor) and by value (0 means no limit).
fn clipped(g: vec4<f32>) -> vec4<f32> {
    let scaled = g * control[0];
    if (u.clip_value > 0.0) {
        return clamp(scaled, vec4<f32>(-u.clip_value), vec4<f32>(u.clip_value));
    }
    return scaled;
}
