// lookup_starts: where the positions of every row of a table begin among the sorted ones: the number of those with smaller indices.
//
// x [P]  order [P]: the positions in the order of their indices  → starts [rows + 1]
// Workgroup: 64 invocations, one per row and one for the end. Grid: folded over (x, y).

fn visit(row: u32) {
    if (row > u.rows) {
        return;
    }
    var count = 0u;
    for (var step = u.half; step > 0u; step /= 2u) {
        let next = count + step;
        if (next <= u.positions) {
            let position = min(u32(order[next - 1u]), u.positions - 1u);
            count = select(count, next, key_of(x[position]) < row);
        }
    }
    starts[row] = f32(count);
}
