// lookup_blocks: the sums of u.block neighbouring lines in the order of their indices.
//
// d_y [P, C]  order [P]: the positions in the order of their indices  → blocks [⌈P/block⌉, C]
// Workgroup: 64 invocations, each with four neighbouring numbers of a block. Grid: folded over (x, y).

fn rows() -> u32 { return (u.positions + u.block - 1u) / u.block; }
fn columns() -> u32 { return u.columns; }

fn visit(block: u32, c: u32) {
    let end = min((block + 1u) * u.block, u.positions);
    var sum = vec4<f32>();
    for (var i = block * u.block; i < end; i++) {
        let position = min(u32(order[i]), u.positions - 1u);
        sum += get_d_y(position * u.columns + c);
    }
    put_blocks(block * u.columns + c, sum, u.columns - c);
}
