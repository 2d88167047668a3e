// cosine_loss: minus the cosine of the angle between a row's outputs and its targets, from the row's sums of products.
//   loss = −Σ x·t/(‖x‖·‖t‖)        dx = (x·Σ x·t/‖x‖² − t)/(‖x‖·‖t‖)/B
//
// x, t [B, C]  both, of_x, of_t [B]: Σ x·t, Σ x², Σ t²  → scores [B, columns]: column 0 receives the loss
// d_x [B, C] (not written when gradient = 0)
// Workgroup: 64 invocations, each with four neighbouring outputs of a row. Grid: folded over (x, y).

const LEAST: f32 = 1e-12;

fn rows() -> u32 { return u.batch; }
fn columns() -> u32 { return u.outputs; }

fn visit(row: u32, c: u32) {
    let square = max(of_x[row], LEAST);
    let norms = sqrt(square) * sqrt(max(of_t[row], LEAST));
    if (c == 0u) {
        scores[row * u.columns] = -both[row] / norms;
    }
    if (u.gradient != 0u) {
        let along = select(0.0, both[row] / square, of_x[row] > LEAST);
        let place = row * u.outputs + c;
        put_d_x(place, (get_x(place) * along - get_t(place)) / norms * u.scale, u.outputs - c);
    }
}
