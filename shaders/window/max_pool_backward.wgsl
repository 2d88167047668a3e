// max_pool_backward: dx[b, i, c] = Σ of dy[b, o, c] over the windows o in which i is the first of the largest inputs.
//
// x [B, INPUTS, C]  d_y [B, OUTPUTS, C]  → d_x [B, INPUTS, C]
// Workgroup: 64 invocations, each with four neighbouring channels of an input or, if TILED (every input lies in one window), of a
// window. Grid: folded over (x, y). Names in capitals are generated constants.

fn place_of(z: i32, y: i32, x: i32) -> u32 {
    return u32((z * INPUT.y + y) * INPUT.z + x);
}

// Gives a window's dy to its inputs.
fn give(row: u32, c: u32) {
    let span = inputs_of(row % OUTPUTS);
    let sample = row / OUTPUTS * INPUTS;
    var best = get_x((sample + place_of(span.first.x, span.first.y, span.first.z)) * u.channels + c);
    var first = vec4<u32>(place_of(span.first.x, span.first.y, span.first.z));
    for (var plane = span.first.x; plane < span.end.x; plane++) {
        for (var line = span.first.y; line < span.end.y; line++) {
            for (var place = span.first.z; place < span.end.z; place++) {
                let at = place_of(plane, line, place);
                let value = get_x((sample + at) * u.channels + c);
                // One by one: OpenGL before 4.5 cannot select vectors of integers.
                if (value.x > best.x) { first.x = at; }
                if (value.y > best.y) { first.y = at; }
                if (value.z > best.z) { first.z = at; }
                if (value.w > best.w) { first.w = at; }
                best = max(best, value);
            }
        }
    }
    let upstream = get_d_y(row * u.channels + c);
    for (var plane = span.first.x; plane < span.end.x; plane++) {
        for (var line = span.first.y; line < span.end.y; line++) {
            for (var place = span.first.z; place < span.end.z; place++) {
                let at = place_of(plane, line, place);
                let mine = select(vec4<f32>(), upstream, first == vec4<u32>(at));
                put_d_x((sample + at) * u.channels + c, mine, u.channels - c);
            }
        }
    }
}

fn rows() -> u32 { return u.batch * select(INPUTS, OUTPUTS, TILED); }
fn columns() -> u32 { return u.channels; }

fn visit(row: u32, c: u32) {
    if (TILED) {
        give(row, c);
        return;
    }
    let me = row % INPUTS;
    let sample = row / INPUTS;
    let mine = get_x(row * u.channels + c);
    var sum = vec4<f32>();
    let windows = windows_of(me);
    for (var z = windows.first.x; z < windows.end.x; z++) {
        for (var y = windows.first.y; y < windows.end.y; y++) {
            for (var x_of_window = windows.first.z; x_of_window < windows.end.z; x_of_window++) {
                let window = u32((z * OUTPUT.y + y) * OUTPUT.z + x_of_window);
                let span = inputs_of(window);
                // Inputs before it must be smaller, those after it may be equal.
                var wins = vec4<bool>(true);
                for (var plane = span.first.x; plane < span.end.x; plane++) {
                    for (var line = span.first.y; line < span.end.y; line++) {
                        for (var place = span.first.z; place < span.end.z; place++) {
                            let at = place_of(plane, line, place);
                            let other = get_x((sample * INPUTS + at) * u.channels + c);
                            let beaten = (other < mine) | ((other == mine) & vec4<bool>(at >= me));
                            wins = wins & beaten;
                        }
                    }
                }
                sum += select(vec4<f32>(), get_d_y((sample * OUTPUTS + window) * u.channels + c), wins);
            }
        }
    }
    put_d_x(row * u.channels + c, sum, u.channels - c);
}
