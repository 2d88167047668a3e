// What follows a linear map f: z = ρ ⊙ (f + bias), y = σ(z). Takes four neighbouring filters of a row from `n` on, of which `count`
// exist; a row is a position of a sample. rotation holds ρ of every zone and filter.
// Needs the bindings b, rotation, z and y, the generated constants POSITIONS and FILTERS, and geometry/parts/zones.wgsl.
fn end_row(row: u32, n: u32, f: vec4<f32>, count: u32) {
    var value = f;
    if (HAS_BIAS) {
        value += get_b(n);
    }
    if (ROTATED) {
        value *= get_rotation(zone_of(row % POSITIONS) * FILTERS + n);
    }
    let first = row * FILTERS + n;
    if (KEEP_Z) {
        put_z(first, value, count);
    }
    put_y(first, activations(value), count);
}
