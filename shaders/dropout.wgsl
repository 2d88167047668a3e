// dropout: y = x·scale where the random bits of (element, step, seed) reach the threshold, else 0. The same kernel
// takes the gradient back, since it draws the same bits.
//
// x [count]  clock  → y [count]
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
    let step = clock[STEP];
    let bits = vec4<u32>(
        random_bits(i, step, u.seed),
        random_bits(i + 1u, step, u.seed),
        random_bits(i + 2u, step, u.seed),
        random_bits(i + 3u, step, u.seed),
    );
    let keep = bits >= vec4<u32>(u.threshold);
    put_y(i, select(vec4<f32>(), get_x(i) * u.scale, keep), u.count - i);
}
