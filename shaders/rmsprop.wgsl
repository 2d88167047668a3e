// rmsprop: v = ρ·v + (1 − ρ)·g²; change = lr·g/√(v + ε); w = w − change,
// or m = μ·m + change; w = w − m with momentum (Keras' form: ε inside the root).
//
// gradient [count]  rates [slots, 4]: lr in column 0 of row clock.slot  control: clip factor  clock
// → w, previous (w from before), v [count]  m [count] (any, when momentum = 0)
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
    let g = clipped(gradient[i]);
    let square = u.rho * v[i] + (1.0 - u.rho) * g * g;
    v[i] = square;
    var change = rates[min(clock[SLOT], u.last_slot) * 4u] * g / sqrt(square + u.epsilon);
    if (u.momentum != 0.0) {
        change += u.momentum * m[i];
        m[i] = change;
    }
    w[i] -= change;
}
