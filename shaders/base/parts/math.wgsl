// Elementary functions with errors of a few units in the last place, where WGSL promises less
// (tanh and atan may be off by thousands of units) or offers nothing (erf).

// 1/(1 + exp(-z)) without overflow.
fn sigmoid(z: f32) -> f32 {
    let e = exp(-abs(z));
    return select(1.0, e, z < 0.0) / (1.0 + e);
}

// σ' = e/(1 + e)² with e = exp(-|z|): no cancellation where the sigmoid saturates.
fn sigmoid_derivative(z: f32) -> f32 {
    let e = exp(-abs(z));
    return e / ((1.0 + e) * (1.0 + e));
}

// Near 0 the quotient of exponentials cancels: an odd polynomial (minimax on |z| < 0.625) replaces it there.
fn hyperbolic_tangent(z: f32) -> f32 {
    let a = abs(z);
    if (a < 0.625) {
        let s = z * z;
        let p = (((-5.70498872745e-3 * s + 2.06390887954e-2) * s - 5.37397155531e-2) * s + 1.33314422036e-1) * s
            - 3.33332819422e-1;
        return z + z * s * p;
    }
    let e = exp(-2.0 * a);
    let t = (1.0 - e) / (1.0 + e);
    return select(t, -t, z < 0.0);
}

// 1 - tanh²(z) = 4e/(1 + e)² with e = exp(-2|z|): no cancellation where tanh saturates.
fn tanh_derivative(z: f32) -> f32 {
    let e = exp(-2.0 * abs(z));
    return 4.0 * e / ((1.0 + e) * (1.0 + e));
}

// Reduced to |t| <= tan(π/8), then an odd polynomial (minimax).
fn arc_tangent(z: f32) -> f32 {
    let a = abs(z);
    var t = a;
    var base = 0.0;
    if (a > 2.414213562373095) {
        t = -1.0 / a;
        base = 1.5707963267948966;
    } else if (a > 0.4142135623730950) {
        t = (a - 1.0) / (a + 1.0);
        base = 0.7853981633974483;
    }
    let s = t * t;
    let p = ((8.05374449538e-2 * s - 1.38776856032e-1) * s + 1.99777106478e-1) * s - 3.33329491539e-1;
    let angle = base + (t + t * s * p);
    return select(angle, -angle, z < 0.0);
}

// exp(z) - 1 for z <= 0.
fn exponential_minus_one(z: f32) -> f32 {
    if (z > -0.35) {
        // Taylor: the terms beyond z⁷/7! are below the last place here.
        return z * (1.0 + z * (0.5 + z * (0.16666667 + z * (0.041666668 + z * (0.008333334
            + z * (0.0013888889 + z * 0.00019841270))))));
    }
    return exp(z) - 1.0;
}

// ln(1 + e) for 0 <= e <= 1.
fn log_one_plus(e: f32) -> f32 {
    if (e < 0.1) {
        // Taylor: the terms beyond e⁷/7 are below the last place here.
        return e * (1.0 - e * (0.5 - e * (0.33333334 - e * (0.25 - e * (0.2 - e * (0.16666667 - e * 0.14285715))))));
    }
    return log(1.0 + e);
}

// tanh(ln(1 + exp(z))) as a numerator and a denominator of powers of e = exp(-|z|), and e.
fn mish_parts(z: f32) -> vec3<f32> {
    let e = exp(-abs(z));
    if (z < 0.0) {
        let top = e * (e + 2.0);
        return vec3<f32>(top, top + 2.0, e);
    }
    let top = 1.0 + 2.0 * e;
    return vec3<f32>(top, top + 2.0 * e * e, e);
}

fn mish(z: f32) -> f32 {
    let parts = mish_parts(z);
    return z * (parts.x / parts.y);
}

// tanh(ln u) + z·4u²/(u² + 1)²·sigmoid(z), u = 1 + exp(z).
fn mish_derivative(z: f32) -> f32 {
    let parts = mish_parts(z);
    let slope = 4.0 * parts.z * (1.0 + parts.z) / (parts.y * parts.y);
    return parts.x / parts.y + z * select(parts.z, 1.0, z < 0.0) * slope;
}

// Φ(z) by the rational approximation 7.1.26 of Abramowitz and Stegun (absolute error below 1.5e-7).
fn normal_cdf(z: f32) -> f32 {
    let x = abs(z) * 0.7071067811865476;
    let t = 1.0 / (1.0 + 0.3275911 * x);
    let p = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
    let tail = 0.5 * p * exp(-x * x);
    return select(1.0 - tail, tail, z < 0.0);
}

// By the bits, since compilers may assume that there is no NaN.
fn is_nan(v: f32) -> bool {
    return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u;
}

fn is_finite(v: f32) -> bool {
    return (bitcast<u32>(v) & 0x7f800000u) != 0x7f800000u;
}
