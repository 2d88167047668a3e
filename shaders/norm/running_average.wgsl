// running_average: average = momentum·average + (1 − momentum)·factor·value, unless the clock is halted or that is
// not finite.
//
// value [count]  clock  → average [count]
// Workgroup: 64 invocations, each with four numbers. Grid: ⌈count/256⌉ groups, folded over (x, y).

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
    let before = get_average(i);
    let next = u.momentum * before + (1.0 - u.momentum) * (u.factor * get_value(i));
    let finite = vec4<bool>(is_finite(next.x), is_finite(next.y), is_finite(next.z), is_finite(next.w));
    put_average(i, select(before, next, finite), u.count - i);
}
