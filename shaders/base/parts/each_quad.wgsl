// One invocation per four neighbouring columns of a row. The stem provides rows(), columns() and visit(row, column).
@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_index(group, groups, local, 64u);
    let quads = (columns() + 3u) / 4u;
    if (i / quads < rows()) {
        visit(i / quads, i % quads * 4u);
    }
}
