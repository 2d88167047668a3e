// dense_forward: the operands, number by number.
fn load_a(row: u32, k: u32) -> f32 { return x[row * u.inputs + k]; }
fn load_b(k: u32, col: u32) -> f32 { return w[k * u.units + col]; }
