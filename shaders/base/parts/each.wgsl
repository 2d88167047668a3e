// One invocation per item. The stem gives visit(i), which returns at once where there is no such item.
@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    visit(flat_index(group, groups, local, 64u));
}
