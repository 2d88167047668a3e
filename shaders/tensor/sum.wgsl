// sum: the sums of vectors in blocks of 4,096 values, of their SQUARES, or of their PRODUCTS with others, each in a fixed order.
//
// values, others [parts, count] (others unused without PRODUCTS)  → totals: block k of part p at first + p·stride + k
// Workgroup: 64 invocations on one block, each with four sums of up to 16 values. Grid: parts·blocks groups, folded over (x, y).
// Names in capitals but BLOCK are generated constants.

const BLOCK: u32 = 4096u;

fn value_at(i: u32, end: u32) -> f32 {
    let place = min(i, end - 1u);
    var value = values[place];
    if (SQUARES) {
        value *= value;
    }
    if (PRODUCTS) {
        value *= others[place];
    }
    return select(0.0, value, i < end);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = flat_index(group, groups, 0u, 1u);
    let part = min(index / u.blocks, u.parts - 1u);
    let block = index % u.blocks;
    let first = part * u.count + block * BLOCK;
    let end = min(first + BLOCK, (part + 1u) * u.count);
    var sums = vec4<f32>();
    for (var i = first + local; i < end; i += 4u * LANES) {
        sums += vec4<f32>(
            value_at(i, end), value_at(i + LANES, end), value_at(i + 2u * LANES, end), value_at(i + 3u * LANES, end),
        );
    }
    let total = sum_lanes((sums.x + sums.y) + (sums.z + sums.w), local);
    if (local == 0u && index < u.parts * u.blocks) {
        totals[u.first + part * u.stride + block] = total;
    }
}
