// conv_lstm_forward: the gates of one time step of a convolutional LSTM and its new states, from the inputs' share of the
// pre-activations and, unless it is the FIRST step, what the recurrent convolution adds:
//   a = z + recurrent, gates in the order i, f, g, o
//   c = γ(f)·c' + γ(i)·σ(g), h = γ(o)·σ(c), with c' = 0 in the FIRST step
// The states of the FIRST step's past, zeros, and h for the step after it, `next`, go to `left`, if there is a step after it.
//
// z [B, T, P, 4F], step `at`  recurrent [B, P, 4F], before [B, P, F]: c' (both unused in the FIRST step)
// → a, KEEPS [B, T, P, 4F], step `at`  left, KEEPS [B, T, P, F]  c [B, P, F]  h, STATE [B, P, F]
//   y, SEQUENCES h [B, T, P, F], step `to`
// Workgroup: 64 invocations, each with four neighbouring filters of a position. Grid: folded over (x, y). Names in capitals are
// generated constants.

fn rows() -> u32 { return u.rows; }
fn columns() -> u32 { return u.filters; }

fn visit(row: u32, column: u32) {
    let count = u.filters - column;
    let place = row * u.filters + column;
    let z = 4u * row_of(row, u.at) * u.filters + column;
    var a_i = get_z(z);
    var a_f = get_z(z + u.filters);
    var a_g = get_z(z + 2u * u.filters);
    var a_o = get_z(z + 3u * u.filters);
    var memory = vec4<f32>();
    if (!FIRST) {
        let added = 4u * row * u.filters + column;
        a_i += get_recurrent(added);
        a_f += get_recurrent(added + u.filters);
        a_g += get_recurrent(added + 2u * u.filters);
        a_o += get_recurrent(added + 3u * u.filters);
        memory = gates(a_f) * get_before(place);
    }
    memory += gates(a_i) * activations(a_g);
    let state = gates(a_o) * activations(memory);
    put_c(place, memory, count);
    if (KEEPS) {
        put_a(z, a_i, count);
        put_a(z + u.filters, a_f, count);
        put_a(z + 2u * u.filters, a_g, count);
        put_a(z + 3u * u.filters, a_o, count);
        if (FIRST) {
            put_left(row_of(row, u.at) * u.filters + column, vec4<f32>(), count);
        }
        if (u.next != NONE) {
            put_left(row_of(row, u.next) * u.filters + column, state, count);
        }
    }
    if (STATE) {
        put_h(place, state, count);
    }
    if (SEQUENCES) {
        put_y(row_of(row, u.to) * u.filters + column, state, count);
    }
}
