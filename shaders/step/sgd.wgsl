// sgd: m = μ·m − lr·g; w = w + m, or w + μ·m − lr·g with Nesterov; w = w − lr·g without momentum (Keras' form).
//
// gradient [count]  rates [slots, 4]: lr in column 0 of row clock.slot  control: clip factor  clock
// → w, previous (w from before) [count]  m [count] (any, when momentum = 0)
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
    var change = -rates[min(clock[SLOT], u.last_slot) * 4u] * clipped(get_gradient(i));
    if (u.momentum != 0.0) {
        let velocity = u.momentum * get_m(i) + change;
        put_m(i, velocity, count);
        change = select(velocity, u.momentum * velocity + change, u.nesterov != 0u);
    }
    put_w(i, weight + change, count);
}
