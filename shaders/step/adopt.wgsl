// adopt: previous = parameters, where their bits differ from those of the copy.
//
// parameters [count]  sealed [count]: the copy  → previous [count]
// Workgroup: 64 invocations, each with four numbers. Grid: ⌈count/256⌉ groups, folded over (x, y).

fn visit(quad: u32) {
    let i = 4u * quad;
    if (i >= u.count) {
        return;
    }
    let now = get_parameters(i);
    let written = bitcast<vec4<u32>>(now) != bitcast<vec4<u32>>(get_sealed(i));
    put_previous(i, select(get_previous(i), now, written), u.count - i);
}
