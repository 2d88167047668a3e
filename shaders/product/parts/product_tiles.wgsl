// Tiles of a product that is stored four neighbouring sums of a row at a time; goes with product_blocks.wgsl. The stem provides
// parts(), the number of products of one size side by side (rows(), depth() and cols() may depend on the current one, `part`);
// store(); and, for the sums over k of the columns of B, with_column() and finish_columns().

var<private> part: u32;

// The column and row of the tile that a workgroup computes; sets its part, too. The grid's third dimension counts the parts and,
// for each, the rows of tiles that the second cannot hold.
fn tile_of(group: vec3<u32>, groups: vec3<u32>) -> vec2<u32> {
    part = group.z % parts();
    return vec2<u32>(group.x, group.z / parts() * groups.y + group.y);
}

// The sums over k of four columns, with those of a block of B.
fn with_block(sums: vec4<f32>, b: mat4x4<f32>) -> vec4<f32> {
    return with_column(with_column(with_column(with_column(sums, b[0]), b[1]), b[2]), b[3]);
}

// Passes four neighbouring sums of a row to the stem, with its results for the columns' sums.
fn store_inside(row: u32, col: u32, sums: vec4<f32>, of_columns: vec4<f32>) {
    if (row < rows() && col < cols()) {
        store(row, col, sums, of_columns);
    }
}
