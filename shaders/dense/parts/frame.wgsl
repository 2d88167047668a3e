// Inputs as critical neurons see them: (x − c)/d. Without FRAMED c is 0 and d is 1.

fn in_frame(x: vec4<f32>) -> vec4<f32> {
    if (FRAMED) {
        return u.factor * (x - u.centre);
    }
    return x;
}
