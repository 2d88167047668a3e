// dense_backward_input: the operands, number by number.
fn load_a(row: u32, k: u32) -> f32 { return d_f[row * u.units + k]; }
fn load_b(k: u32, col: u32) -> f32 { return w[col * u.units + k]; }
