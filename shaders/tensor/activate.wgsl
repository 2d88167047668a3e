// activate: y = σ(a), or SUM σ(a + b).
//
// a [count]  b [count] (any, without SUM)  → y [count]
// Workgroup: 64 invocations, each with four numbers. Grid: ⌈count/256⌉ groups, folded over (x, y).

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = 4u * flat_index(group, groups, local, 64u);
    if (i >= u.count) {
        return;
    }
    var value = get_a(i);
    if (SUM) {
        value += get_b(i);
    }
    put_y(i, activations(value), u.count - i);
}
