// Inputs as critical neurons see them: (x − c)/d, with u.factor 1/d and u.shift −c/d. Without FRAMED c is 0 and d is 1.

fn in_frame(x: vec4<f32>) -> vec4<f32> {
    if (FRAMED) {
        return fma(x, vec4<f32>(u.factor), vec4<f32>(u.shift));
    }
    return x;
}
