// A product whose columns need no sums of B.
const COLUMN_SUMS: bool = false;

fn with_column(sums: vec4<f32>, b: vec4<f32>) -> vec4<f32> { return sums; }

fn finish_columns(col: u32, sums: vec4<f32>, first: bool) -> vec4<f32> { return sums; }
