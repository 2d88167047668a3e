// lookup_backward: d_table[row] = Σ d_y over the positions with the row's index, in their order, + l1·sign(table) + 2·l2·table.
//
// d_y [P, C]  order [P]: the positions in the order of their indices  starts [rows + 1]: where those of every row begin there
// blocks [⌈P/block⌉, C]: sums of u.block lines in this order (unused without BLOCKS)  table [rows, C]  → d_table [rows, C]
// Workgroup: 64 invocations, each with four neighbouring numbers of a row. Grid: folded over (x, y). BLOCKS is a generated constant.

fn rows() -> u32 { return u.rows; }
fn columns() -> u32 { return u.columns; }

fn lines(begin: u32, end: u32, c: u32) -> vec4<f32> {
    var sum = vec4<f32>();
    for (var i = begin; i < end; i++) {
        let position = min(u32(order[i]), u.positions - 1u);
        sum += get_d_y(position * u.columns + c);
    }
    return sum;
}

fn visit(row: u32, c: u32) {
    var begin = min(u32(starts[row]), u.positions);
    let end = min(u32(starts[row + 1u]), u.positions);
    var sum = vec4<f32>();
    if (BLOCKS) {
        // Whole blocks in the middle.
        let first = (begin + u.block - 1u) / u.block;
        let last = end / u.block;
        if (first < last) {
            sum = lines(begin, first * u.block, c);
            for (var block = first; block < last; block++) {
                sum += get_blocks(block * u.columns + c);
            }
            begin = last * u.block;
        }
    }
    sum += lines(begin, end, c);
    let place = row * u.columns + c;
    let table = get_table(place);
    put_d_table(place, sum + u.l1 * sign(table) + 2.0 * u.l2 * table, u.columns - c);
}
