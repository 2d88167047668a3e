// rmsprop: v = ρ·v + (1 − ρ)·g²; change = lr·g/√(v + ε); w = w − change,
// or m = μ·m + change; w = w − m with momentum (Keras' form: ε inside the root).
//
// gradient [count]  rates [slots, 4]: lr in column 0 of row clock.slot  control: clip factor  clock
// → w, previous (w from before), v [count]  m [count] (any, when momentum = 0)
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
    let weight = get_w(i);
    put_previous(i, weight, count);
    let g = clipped(get_gradient(i));
    let square = u.rho * get_v(i) + (1.0 - u.rho) * g * g;
    put_v(i, square, count);
    var change = rates[min(clock[SLOT], u.last_slot) * 4u] * g / sqrt(square + u.epsilon);
    if (u.momentum != 0.0) {
        change += u.momentum * get_m(i);
        put_m(i, change, count);
    }
    put_w(i, weight - change, count);
}
