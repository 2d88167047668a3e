// adam: m = m + (1 − β₁)(g − m); v = v + (1 − β₂)(g² − v); w = w − α·m/(√v + ε), where the host gives
// α = lr·√(1 − β₂ᵗ)/(1 − β₁ᵗ) (Keras' form). Decoupled weight decay (AdamW) comes first: w = w − decay·lr·w
// for the first `decayed` parameters.
//
// gradient [count]  rates [slots, 4]: lr, α in columns 0, 1 of row clock.slot  control: clip factor  clock
// → w, previous (w from before), m, v [count]
// Workgroup: 64 invocations, each with four parameters. Grid: ⌈count/256⌉ groups, folded over (x, y).

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = 4u * flat_index(group, groups, local, 64u);
    if (i >= u.count || clock[HALTED] != 0u) {
        return;
    }
    let count = u.count - i;
    var weight = get_w(i);
    put_previous(i, weight, count);
    let row = min(clock[SLOT], u.last_slot) * 4u;
    let g = clipped(get_gradient(i));
    let old_m = get_m(i);
    let old_v = get_v(i);
    let first = old_m + u.one_minus_beta_1 * (g - old_m);
    let second = old_v + u.one_minus_beta_2 * (g * g - old_v);
    put_m(i, first, count);
    put_v(i, second, count);
    if (u.weight_decay != 0.0) {
        let decays = vec4<u32>(i) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(u.decayed);
        weight -= select(vec4<f32>(), u.weight_decay * rates[row] * weight, decays);
    }
    put_w(i, weight - rates[row + 1u] * first / (sqrt(second) + u.epsilon), count);
}
