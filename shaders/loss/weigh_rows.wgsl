// weigh_rows: values[r, c] = weights[r / per]·values[r, c]; COUNTED: the weight itself follows the numbers.
//
// weights [⌈R/per⌉] (all 1 unless WEIGHTED)  → values: row r from first + r·stride on, `width` numbers per row
// Workgroup: 64 invocations, one per number. Grid: folded over (x, y). WEIGHTED and COUNTED are generated constants.

fn visit(index: u32) {
    let numbers = u.width + select(0u, 1u, COUNTED);
    let row = index / numbers;
    let column = index % numbers;
    if (row >= u.rows) {
        return;
    }
    var weight = 1.0;
    if (WEIGHTED) {
        weight = weights[row / u.per];
    }
    let place = u.first + row * u.stride + column;
    if (column == u.width) {
        values[place] = weight;
    } else if (WEIGHTED) {
        values[place] *= weight;
    }
}
