// The gradient of the bias: the sums of the columns of df, stored by the invocation of the first rows.
const COLUMN_SUMS: bool = true;

fn with_column(sums: vec4<f32>, d_f: vec4<f32>) -> vec4<f32> { return sums + d_f; }

fn finish_columns(col: u32, sums: vec4<f32>, first: bool) -> vec4<f32> {
    if (first && col < u.units) {
        put_d_b(col, sums, u.units - col);
    }
    return sums;
}
