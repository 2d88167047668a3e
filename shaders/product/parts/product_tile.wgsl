// C = A·B through workgroup memory, for adapters where that is fast. While one slice of the depth is multiplied, the next is loaded
// into registers. For what the stem provides, see product_blocks.wgsl, product_tiles.wgsl and product_plain.wgsl.
//
// Tile: TILE rows × TILE columns per workgroup (64, or 128 for large outputs), 16 k at a time. An invocation has one block of 4 × 4
// sums in every 64 × 64 of the tile and loads one block of A or of B; with TILE 64 only half of them load. Workgroup memory: 2 × 16
// × TILE numbers, 8 or 16 KiB. Grid: (⌈cols/TILE⌉, ⌈rows/TILE⌉, parts).

const DEPTH: u32 = 16u;
const LINE: u32 = TILE / 4u; // vec4s per k in workgroup memory

var<workgroup> tile_a: array<vec4<f32>, DEPTH * LINE>;
var<workgroup> tile_b: array<vec4<f32>, DEPTH * LINE>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tile = tile_of(group, groups);
    let first_row = tile.y * TILE;
    let first_col = tile.x * TILE;
    let fast = local % 16u;
    let slow = local / 16u;
    // The block that this invocation loads: four k from `load_k` on, and a quad of rows or columns. Neighbours read neighbouring
    // addresses.
    let loads_a = local < TILE;
    let loads_b = local >= TILE && local < 2u * TILE;
    let block = local % TILE;
    let along = select(B_ALONG_K, A_ALONG_K, loads_a);
    let load_k = 4u * select(block / LINE, block % 4u, along);
    let quad = select(block % LINE, block / 4u, along);
    let place = load_k * LINE + quad;
    var c#a#l#b = vec4<f32>();
    var column = vec4<f32>();
    var part = vec4<f32>();
    var next = mat4x4<f32>();
    if (loads_a && load_k < depth()) { next = block_a(first_row + quad * 4u, load_k); }
    if (loads_b && load_k < depth()) { next = block_b(load_k, first_col + quad * 4u); }
    for (var k0 = 0u; k0 < depth(); k0 += DEPTH) {
        if (loads_a) {
            tile_a[place] = next[0];
            tile_a[place + LINE] = next[1];
            tile_a[place + 2u * LINE] = next[2];
            tile_a[place + 3u * LINE] = next[3];
        }
        if (loads_b) {
            tile_b[place] = next[0];
            tile_b[place + LINE] = next[1];
            tile_b[place + 2u * LINE] = next[2];
            tile_b[place + 3u * LINE] = next[3];
            if (COLUMN_SUMS) { part += block_terms(next); }
        }
        // Sums of 64 terms are added up in turn: a small q is a difference of large numbers.
        if (COLUMN_SUMS && (k0 / DEPTH) % 16u == 15u) { column += part; part = vec4<f32>(); }
        workgroupBarrier();
        let k = k0 + DEPTH + load_k;
        next = mat4x4<f32>();
        if (loads_a && k < depth()) { next = block_a(first_row + quad * 4u, k); }
        if (loads_b && k < depth()) { next = block_b(k, first_col + quad * 4u); }
        // Two loops: compilers unroll the inner one, whose places in memory are then constants beside `at_a` and `at_b`.
        // fma counts as one operation there; as two, the loop is too long for Mesa to unroll.
        var at_a = slow;
        var at_b = fast;
        for (var i = 0u; i < DEPTH; i += 8u) {
            for (var j = 0u; j < 8u; j++) {
                let a#a = tile_a[at_a + j * LINE + #au * 16u];
                let b#b = tile_b[at_b + j * LINE + #bu * 16u];
                c#a#l#b = fma(vec4<f32>(a#a.#l), b#b, c#a#l#b);
            }
            at_a += 8u * LINE;
            at_b += 8u * LINE;
        }
        workgroupBarrier();
    }
    var f#b = vec4<f32>();
    if (COLUMN_SUMS) {
        if (loads_b) { tile_b[place] = column + part; }
        workgroupBarrier();
        f#b = tile_b[#bu * 16u + fast] + tile_b[#bu * 16u + fast + 4u * LINE];
        f#b += tile_b[#bu * 16u + fast + 8u * LINE] + tile_b[#bu * 16u + fast + 12u * LINE];
        f#b = finish_columns(first_col + #bu * 64u + fast * 4u, f#b, first_row + slow == 0u);
    }
    let row = first_row + slow * 4u;
    let col = first_col + fast * 4u;
    store_inside(row + #au * 64u + #nu, col + #bu * 64u, c#a#l#b, f#b);
}
