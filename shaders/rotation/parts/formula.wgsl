// Auto-rotation's formulas for four neighbouring units, by the diagonal rule or ALIGNED: the only place that shaders have them, as
// kernel/rotation/formula.rs is for the twins. For the symbols see docs::rotation.

// A term of q, from a weight, a bias or x_Q: the number itself, or its square.
fn term(number: vec4<f32>, squared: bool) -> vec4<f32> {
    if (squared) {
        return number * number;
    }
    return number;
}

// q from the sum of its terms: x_Q·Σ w + b, or √(x_Q²·Σ w² + b²).
fn q_of(sum: vec4<f32>) -> vec4<f32> {
    if (ALIGNED) {
        return sqrt(sum);
    }
    return sum;
}

// ρ = L/(|q| + ε).
fn rho_of(q: vec4<f32>, limit: vec4<f32>, epsilon: f32) -> vec4<f32> {
    return limit / (abs(q) + epsilon);
}

// d_v from s = Σ dz ⊙ z: dq = −sign(q)·s/(|q| + ε), or dq/q; 0 when DETACHED.
fn d_v_of(q: vec4<f32>, s: vec4<f32>, epsilon: f32) -> vec4<f32> {
    if (DETACHED) {
        return vec4<f32>();
    }
    let d_q = -sign(q) * s / (abs(q) + epsilon);
    if (ALIGNED) {
        return select(d_q / q, vec4<f32>(), q == vec4<f32>());
    }
    return d_q;
}

// The share of v, which is d_v or a multiple of it, that a weight or a bias receives: v, or v·weight.
fn share_of(v: vec4<f32>, weight: vec4<f32>) -> vec4<f32> {
    if (ALIGNED) {
        return v * weight;
    }
    return v;
}
