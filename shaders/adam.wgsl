// adam: m = m + (1 − β₁)(g − m); v = v + (1 − β₂)(g² − v); w = w − α·m/(√v + ε), where the host gives
// α = lr·√(1 − β₂ᵗ)/(1 − β₁ᵗ) (Keras' form). Decoupled weight decay (AdamW) comes first: w = w − decay·lr·w
// for the first `decayed` parameters.
//
// gradient [count]  rates [slots, 4]: lr, α in columns 0, 1 of row clock.slot  control: clip factor  clock
// → w, previous (w from before), m, v [count]
// Workgroup: 64 invocations, one a parameter. Grid: ⌈count/64⌉ groups, folded over (x, y).

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_index(group, groups, local, 64u);
    if (i >= u.count || clock[HALTED] != 0u) {
        return;
    }
    previous[i] = w[i];
    let row = min(clock[SLOT], u.last_slot) * 4u;
    let g = clipped(gradient[i]);
    let first = m[i] + u.one_minus_beta_1 * (g - m[i]);
    let second = v[i] + u.one_minus_beta_2 * (g * g - v[i]);
    m[i] = first;
    v[i] = second;
    var weight = w[i];
    if (i < u.decayed) {
        weight -= u.weight_decay * rates[row] * weight;
    }
    w[i] = weight - rates[row + 1u] * first / (sqrt(second) + u.epsilon);
}
