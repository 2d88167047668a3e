// A gradient after clipping by norm (the guard's factor) and by value (0 means no limit).
fn clipped(g: f32) -> f32 {
    let scaled = g * control[0];
    return select(scaled, clamp(scaled, -u.clip_value, u.clip_value), u.clip_value > 0.0);
}
