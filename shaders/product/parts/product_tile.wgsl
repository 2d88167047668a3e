// C = A·B through workgroup memory, for adapters where that is fast. While one slice of the depth is multiplied, the next is loaded
// into registers. For what the stem provides, see product_blocks.wgsl, product_tiles.wgsl and product_plain.wgsl.
//
// Tile: TILE rows × TILE columns per workgroup (64, or 128 for large outputs), 16 k at a time. An invocation has four blocks of 4 × 4
// sums, half a tile apart, and loads LOADS blocks of the operands: with TILE 64 one of A and one of B, else one of either. Workgroup
// memory: 2 × 16 × TILE numbers, 8 or 16 KiB. Grid: (⌈cols/TILE⌉, ⌈rows/TILE⌉, parts).

const DEPTH: u32 = 16u;
const LINE: u32 = TILE / 4u; // vec4s per k in workgroup memory
const ACROSS: u32 = TILE / 8u; // invocations side by side
const INVOCATIONS: u32 = ACROSS * ACROSS;

var<workgroup> tile_a: array<vec4<f32>, DEPTH * LINE>;
var<workgroup> tile_b: array<vec4<f32>, DEPTH * LINE>;

// A block of A, or else of B, that an invocation loads: four k from `k` on, and a quad of rows or columns.
struct Load {
    of_a: bool,
    k: u32,
    quad: u32,
}

// The number-th block to load: first come those of A. Neighbouring invocations read neighbouring addresses.
fn load_at(number: u32, of_a: bool) -> Load {
    let block = number % TILE;
    let along = select(B_ALONG_K, A_ALONG_K, of_a);
    return Load(of_a, 4u * select(block / LINE, block % 4u, along), select(block % LINE, block / 4u, along));
}

fn block_of(load: Load, tile: vec2<u32>, k0: u32) -> mat4x4<f32> {
    let k = k0 + load.k;
    if (k >= depth()) {
        return mat4x4<f32>();
    }
    if (load.of_a) {
        return block_a(lines_a(tile.y * TILE + load.quad * 4u, k), k, false);
    }
    return block_b(lines_b(k, tile.x * TILE + load.quad * 4u), k, false);
}

fn keep(load: Load, block: mat4x4<f32>) {
    let place = load.k * LINE + load.quad;
    if (load.of_a) {
        tile_a[place + #nu * LINE] = block[#n];
    } else {
        tile_b[place + #nu * LINE] = block[#n];
    }
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tile = tile_of(group, groups);
    let fast = local % ACROSS;
    let slow = local / ACROSS;
    let load#q = load_at(local + #qu * INVOCATIONS, select(local < TILE, #qu == 0u, LOADS == 2u));
    var c#a#n#b = vec4<f32>();
    // Of the columns of the block of B that is loaded, block by block: a small q is a difference of large numbers.
    var column = vec4<f32>();
    // One round more than there are slices: what a round loads, the next one multiplies.
    for (var k0 = 0u; k0 < depth() + DEPTH; k0 += DEPTH) {
        let next#q = block_of(load#q, tile, k0);
        if (k0 > 0u) {
            // Two loops: compilers unroll the inner one, whose places in memory are then constants beside `at_a` and `at_b`.
            // fma counts as one operation there; as two, the loop is too long for Mesa to unroll.
            for (var at = 0u; at < DEPTH * LINE; at += 8u * LINE) {
                let at_a = slow + at;
                let at_b = fast + at;
                for (var j = 0u; j < 8u; j++) {
                    let a#a = tile_a[at_a + j * LINE + #au * ACROSS];
                    let b#b = tile_b[at_b + j * LINE + #bu * ACROSS];
                    c#a#n#b = fma(vec4<f32>(a#a[#n]), b#b, c#a#n#b);
                }
            }
        }
        workgroupBarrier();
        keep(load#q, next#q);
        if (COLUMN_SUMS && !load#q.of_a) { column += with_block(vec4<f32>(), next#q); }
        workgroupBarrier();
    }
    let row = tile.y * TILE + slow * 4u;
    let col = tile.x * TILE + fast * 4u;
    var f#b = vec4<f32>();
    if (COLUMN_SUMS) {
        if (!load#q.of_a) { tile_b[load#q.k * LINE + load#q.quad] = column; }
        workgroupBarrier();
        f#b = tile_b[#bu * ACROSS + fast] + tile_b[#bu * ACROSS + fast + 4u * LINE];
        f#b += tile_b[#bu * ACROSS + fast + 8u * LINE] + tile_b[#bu * ACROSS + fast + 12u * LINE];
        f#b = finish_columns(col + #bu * (TILE / 2u), f#b, row == 0u);
    }
    store_inside(row + #au * (TILE / 2u) + #nu, col + #bu * (TILE / 2u), c#a#n#b, f#b);
}
