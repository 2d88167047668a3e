// adopt: previous = parameters, where those have not the same bits as in their copy.
//
// parameters [count]  sealed [count]: the copy  → previous [count]
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
    let now = get_parameters(i);
    let written = bitcast<vec4<u32>>(now) != bitcast<vec4<u32>>(get_sealed(i));
    put_previous(i, select(get_previous(i), now, written), u.count - i);
}
