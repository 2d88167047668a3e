// recurrent_forward: one forward time step of a recurrent layer: the product with the previous state, all gates, the new state.
//   SIMPLE_RNN: h = σ(a + h'·U)
//   LSTM (i, f, c, o): c = γ(f)·c' + γ(i)·σ(g), h = γ(o)·σ(c)
//   GRU (z, r, h), reset after the product: m = h'·U_h + b_h, h = γ(z)·h' + (1 − γ(z))·σ(a_h + γ(r)·m)
//   GRU, reset before it, in two stages: GRU_GATES: γ(z), γ(r), γ(r)·h'; GRU_CANDIDATE: σ(a_h + (γ(r)·h')·U_h), h as above
// γ is the gates' activation, σ the cell's, h' and c' the previous state, h' in products after recurrent dropout. A masked step
// keeps the state. Step `at` of z holds the inputs' share a of the pre-activations and receives the whole.
//
// z [B, T, width]  u_kernel [H, width]  b [2, width]: the second line (unused without HAS_BIAS)
// state: see recurrent/parts/recurrent.wgsl (unused without INITIAL and DROPPED)  mask [B, T] (unused unless MASKED)
// → y [B, T, H], step `to`, from step `prior`  z
//   memory: LSTM: c [B, T, H]; GRU: m, after z and r in [B, T, 3H]; or γ(r)·h' [B, T, H]
//   left [B, T, H]: the h' of the products (written with KEEP, as is m)
// Product: rows B, depth H or 0, GATES columns per unit. Tiles and grid: recurrent/parts/product_gates*.wgsl. Names in capitals are
// generated constants.

const A_ALONG_K: bool = true;
const B_ALONG_K: bool = false;

fn cols() -> u32 { return WIDTH * u.units; }

fn gate_column(gate: u32) -> u32 {
    return (FIRST_GATE + gate) * u.units;
}

// In the buffer that the left operand is read from, and in parts of the state.
alias PlaceA = vec2<u32>;
fn place_a(row: u32, k: u32) -> PlaceA {
    let in_part = row * u.units + k;
    var place = in_part;
    if (GRU_CANDIDATE) {
        place = step_of(row, u.at, u.units) + k;
    } else if (!INITIAL) {
        place = step_of(row, u.prior, u.units) + k;
    }
    return vec2<u32>(place, in_part) / UNIT;
}
fn after_a(place: PlaceA, n: u32) -> PlaceA { return place + n * (4u / UNIT); }
fn line_a(place: PlaceA) -> vec4<f32> {
    if (GRU_CANDIDATE) {
        return at_memory(place.x);
    }
    var h = vec4<f32>();
    if (INITIAL) { h = at_state(place.x); } else { h = at_y(place.x); }
    if (DROPPED) {
        h *= at_state(2u * u.part / UNIT + place.y);
    }
    return h;
}

alias PlaceB = u32;
fn place_b(k: u32, col: u32) -> u32 { return (k * WIDTH * u.units + col) / UNIT; }
fn after_b(place: u32, n: u32) -> u32 { return place + n * (WIDTH * u.units / UNIT); }
fn line_b(place: u32) -> vec4<f32> { return at_u_kernel(place); }

// The pre-activation of a gate, stored at its place in z.
fn pre_activation(place: u32, share: vec4<f32>, count: u32) -> vec4<f32> {
    let value = get_z(place) + share;
    put_z(place, value, count);
    return value;
}

fn recurrent_bias(gate: u32, unit: u32) -> vec4<f32> {
    if (HAS_BIAS) {
        return get_b((WIDTH + gate) * u.units + unit);
    }
    return vec4<f32>();
}

fn end(row: u32, unit: u32, sums: array<vec4<f32>, 4>) {
    let count = u.units - unit;
    let z = step_of(row, u.at, WIDTH * u.units) + unit;
    let here = step_of(row, u.at, u.units) + unit;
    let there = step_of(row, u.to, u.units) + unit;
    let before = previous_h(row, unit);
    let keeps_state = is_masked(row);
    var h = before;
    if (SIMPLE_RNN) {
        h = activations(pre_activation(z, sums[0], count));
    }
    if (LSTM) {
        let i = gates(pre_activation(z, sums[0], count));
        let f = gates(pre_activation(z + u.units, sums[1], count));
        let g = activations(pre_activation(z + 2u * u.units, sums[2], count));
        let o = gates(pre_activation(z + 3u * u.units, sums[3], count));
        var c_before = initial(1u, row, unit);
        if (u.prior != NONE) {
            c_before = get_memory(step_of(row, u.prior, u.units) + unit);
        }
        let c = f * c_before + i * g;
        h = o * activations(c);
        put_memory(there, select(c, c_before, keeps_state), count);
    }
    if (GRU) {
        let update = gates(pre_activation(z, sums[0] + recurrent_bias(0u, unit), count));
        let reset = gates(pre_activation(z + u.units, sums[1] + recurrent_bias(1u, unit), count));
        let m = sums[2] + recurrent_bias(2u, unit);
        let candidate = activations(pre_activation(z + 2u * u.units, reset * m, count));
        h = update * before + (1.0 - update) * candidate;
        if (KEEP) {
            put_memory(step_of(row, u.at, WIDTH * u.units) + 2u * u.units + unit, m, count);
        }
    }
    if (GRU_GATES) {
        pre_activation(z, sums[0], count);
        let reset = gates(pre_activation(z + u.units, sums[1], count));
        put_memory(here, reset * dropped(before, row, unit), count);
    }
    if (GRU_CANDIDATE) {
        let update = gates(get_z(z));
        let candidate = activations(pre_activation(z + 2u * u.units, sums[0], count));
        h = update * before + (1.0 - update) * candidate;
    }
    if (!GRU_GATES) {
        put_y(there, select(h, before, keeps_state), count);
    }
    if (KEEP && !GRU_CANDIDATE) {
        put_left(here, dropped(before, row, unit), count);
    }
}
