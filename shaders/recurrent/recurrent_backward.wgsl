// recurrent_backward: one backward time step of a recurrent layer: dh from the next step and from the output, then the gradients of
// the pre-activations, which replace these in z. γ, σ, h', c' and m are as in recurrent_forward; a' is γ' or σ' of a gate's
// pre-activation:
//   dh = da⁺·Uᵀ + dy + carry, da⁺ the recurrent gradients of the next step
//   SIMPLE_RNN: da = dh·a'
//   LSTM: dc = carry + dh·γ(o)·σ'(c), carry = dc·γ(f)
//         da_o = dh·σ(c)·a', da_i = dc·σ(g)·a', da_f = dc·c'·a', da_g = dc·γ(i)·a'
//   GRU: da_h = dh·(1 − γ(z))·a', da_z = dh·(h' − σ(a_h))·a', da_r = da_h·m·a', carry = dh·γ(z); recurrent: da_z, da_r, γ(r)·da_h
//   GRU, reset before the product, in two stages: GRU_CANDIDATE: da_h, da_z and carry; then GRU_GATES, with p = da_h·U_hᵀ:
//         da_r = p·h'·a', carry += p·γ(r)
// A masked step has da = 0 and passes dh and dc on.
//
// u_kernel [H, width]  d_y: at d_y_first + row·d_y_stride, unless d_y_first is NONE
// state, mask, y (for GRUs only): see recurrent/parts/recurrent.wgsl
// → z [B, T, width], step `at`, from step `next`  carry: for dh, then dc, [B, H] each, in parts as in state
//   memory: LSTM: c [B, T, H] (read); GRU: [B, T, 3H], m being replaced (unused otherwise)
// Product: rows B, depth of the recurrent gradients or 0, columns H. Tiles and grid: recurrent/parts/product_gates*.wgsl. Names in
// capitals are generated constants.

const A_ALONG_K: bool = true;
const B_ALONG_K: bool = true;

fn cols() -> u32 { return u.units; }
fn gate_column(gate: u32) -> u32 { return 0u; }

alias PlaceA = u32;
fn place_a(row: u32, k: u32) -> u32 {
    return (step_of(row, u.next, WIDTH * u.units) + select(u.first_column, 0u, GRU) + k) / UNIT;
}
fn after_a(place: u32, n: u32) -> u32 { return place + n * (4u / UNIT); }
fn line_a(place: u32) -> vec4<f32> {
    if (GRU) {
        return at_memory(place);
    }
    return at_z(place);
}

alias PlaceB = u32;
fn place_b(k: u32, col: u32) -> u32 { return (col * WIDTH * u.units + u.first_column + k) / UNIT; }
fn after_b(place: u32, n: u32) -> u32 { return place + n * (4u / UNIT); }
fn line_b(place: u32) -> vec4<f32> { return at_u_kernel(place); }

fn end(row: u32, unit: u32, sums: array<vec4<f32>, 4>) {
    let count = u.units - unit;
    let z = step_of(row, u.at, WIDTH * u.units) + unit;
    let place = row * u.units + unit;
    let from_after = dropped(sums[0], row, unit);
    if (GRU_GATES) {
        let a = get_z(z + u.units);
        let before = dropped(previous_h(row, unit), row, unit);
        put_z(z + u.units, sums[0] * before * gate_derivatives(a), count);
        put_carry(place, get_carry(place) + from_after * gates(a), count);
        return;
    }
    let stays = is_masked(row);
    var d_h = from_after;
    var d_c = vec4<f32>();
    if (u.d_y_first != NONE) {
        d_h += get_d_y(u.d_y_first + row * u.d_y_stride + unit);
    }
    if (u.next != NONE) {
        if (!LSTM && !SIMPLE_RNN || MASKED) {
            d_h += get_carry(place);
        }
        if (LSTM) {
            d_c = get_carry(u.part + place);
        }
    }
    // 0 for a masked step.
    let live = select(1.0, 0.0, stays);
    if (SIMPLE_RNN) {
        put_z(z, live * d_h * activation_derivatives(get_z(z)), count);
    }
    if (LSTM) {
        let a_i = get_z(z);
        let a_f = get_z(z + u.units);
        let a_g = get_z(z + 2u * u.units);
        let a_o = get_z(z + 3u * u.units);
        let c = get_memory(step_of(row, u.to, u.units) + unit);
        var c_before = initial(1u, row, unit);
        if (u.prior != NONE) {
            c_before = get_memory(step_of(row, u.prior, u.units) + unit);
        }
        let all = live * (d_c + d_h * gates(a_o) * activation_derivatives(c));
        put_z(z, all * activations(a_g) * gate_derivatives(a_i), count);
        put_z(z + u.units, all * c_before * gate_derivatives(a_f), count);
        put_z(z + 2u * u.units, all * gates(a_i) * activation_derivatives(a_g), count);
        put_z(z + 3u * u.units, live * d_h * activations(c) * gate_derivatives(a_o), count);
        put_carry(u.part + place, select(all * gates(a_f), d_c, stays), count);
    }
    if (GRU || GRU_CANDIDATE) {
        let a_z = get_z(z);
        let a_h = get_z(z + 2u * u.units);
        let update = gates(a_z);
        let d_a_z = live * d_h * (previous_h(row, unit) - activations(a_h)) * gate_derivatives(a_z);
        let d_a_h = live * d_h * (1.0 - update) * activation_derivatives(a_h);
        put_z(z, d_a_z, count);
        put_z(z + 2u * u.units, d_a_h, count);
        if (GRU) {
            let a_r = get_z(z + u.units);
            let m = get_memory(z + 2u * u.units);
            let d_a_r = d_a_h * m * gate_derivatives(a_r);
            put_z(z + u.units, d_a_r, count);
            put_memory(z, d_a_z, count);
            put_memory(z + u.units, d_a_r, count);
            put_memory(z + 2u * u.units, gates(a_r) * d_a_h, count);
        }
        put_carry(place, d_h * select(update, vec4<f32>(1.0), stays), count);
    } else if (MASKED) {
        put_carry(place, d_h * (1.0 - live), count);
    }
}
