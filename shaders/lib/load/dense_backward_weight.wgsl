// dense_backward_weight: the operands, number by number.
fn load_a(row: u32, k: u32) -> f32 { return x[k * u.inputs + row]; }
fn load_b(k: u32, col: u32) -> f32 { return d_f[k * u.units + col]; }
