// conv_lstm_backward: the gradients of the pre-activations of one time step of a convolutional LSTM, which replace these in a;
// γ, σ and c' are as in conv_lstm_forward, a' is γ' or σ' of a gate's pre-activation:
//   dh = d_h + d_y, d_h from the step after it through the recurrent convolution (0 in the LAST step)
//   dc = carry + dh·γ(o)·σ'(c) (carry 0 in the LAST step), carry = dc·γ(f)
//   da_i = dc·σ(g)·a', da_f = dc·c'·a', da_g = dc·γ(i)·a', da_o = dh·σ(c)·a'
//
// d_y: of HAS_OUTPUT [B, `outputs`, P, F], step `to`  d_h [B, P, F] (unused in the LAST step)  c [B, P, F]
// before [B, P, F]: c' (unused in the FIRST step, whose past is 0)
// → carry [B, P, F]  a [B, T, P, 4F], step `at`  d_a [B, P, 4F]: the same gradients, unless it is the FIRST step
// Workgroup: 64 invocations, each with four neighbouring filters of a position. Grid: folded over (x, y). Names in capitals are
// generated constants.

fn rows() -> u32 { return u.rows; }
fn columns() -> u32 { return u.filters; }

fn visit(row: u32, column: u32) {
    let count = u.filters - column;
    let place = row * u.filters + column;
    let first = 4u * row_of(row, u.at) * u.filters + column;
    var d_h = vec4<f32>();
    var d_c = vec4<f32>();
    if (HAS_OUTPUT) {
        let output = (row / u.positions * u.outputs + u.to) * u.positions + row % u.positions;
        d_h = get_d_y(output * u.filters + column);
    }
    if (!LAST) {
        d_h += get_d_h(place);
        d_c = get_carry(place);
    }
    let a_i = get_a(first);
    let a_f = get_a(first + u.filters);
    let a_g = get_a(first + 2u * u.filters);
    let a_o = get_a(first + 3u * u.filters);
    let memory = get_c(place);
    var past = vec4<f32>();
    if (!FIRST) {
        past = get_before(place);
    }
    d_c += d_h * gates(a_o) * activation_derivatives(memory);
    let d_i = d_c * activations(a_g) * gate_derivatives(a_i);
    let d_f = d_c * past * gate_derivatives(a_f);
    let d_g = d_c * gates(a_i) * activation_derivatives(a_g);
    let d_o = d_h * activations(memory) * gate_derivatives(a_o);
    put_carry(place, d_c * gates(a_f), count);
    put_a(first, d_i, count);
    put_a(first + u.filters, d_f, count);
    put_a(first + 2u * u.filters, d_g, count);
    put_a(first + 3u * u.filters, d_o, count);
    if (!FIRST) {
        let own = 4u * row * u.filters + column;
        put_d_a(own, d_i, count);
        put_d_a(own + u.filters, d_f, count);
        put_d_a(own + 2u * u.filters, d_g, count);
        put_d_a(own + 3u * u.filters, d_o, count);
    }
}
