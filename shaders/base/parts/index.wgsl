// The index in a one-dimensional problem, folded over two grid dimensions since one holds 65,535 groups at most.
fn flat_index(group: vec3<u32>, groups: vec3<u32>, local: u32, size: u32) -> u32 {
    return (group.y * groups.x + group.x) * size + local;
}
