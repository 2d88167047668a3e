// noise: y = x + deviation·n with n = √2·erf⁻¹(2u − 1), u from the random bits of (element, step, seed); Giles' approximation of erf⁻¹ (2012).
//
// x [count]  clock  → y [count]
// Workgroup: 64 invocations, each with four numbers. Grid: ⌈count/256⌉ groups, folded over (x, y). `near` and `far`, generated, are the
// polynomials in the middle and in the tails.

fn normal(element: u32, step: u32) -> f32 {
    let below = (2.0 * f32(random_bits(element, step, u.seed) >> 8u) + 1.0) / 16777216.0;
    let above = 2.0 - below;
    let w = -log(below * above);
    let p = select(near(w - 2.5), far(sqrt(max(w, 0.0)) - 3.0), w >= 5.0);
    return (below - 1.0) * p * 1.4142135;
}

fn visit(quad: u32) {
    let i = 4u * quad;
    if (i >= u.count) {
        return;
    }
    let step = clock[STEP];
    let noise = vec4<f32>(normal(i, step), normal(i + 1u, step), normal(i + 2u, step), normal(i + 3u, step));
    put_y(i, get_x(i) + u.deviation * noise, u.count - i);
}
