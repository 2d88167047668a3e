// lookup_sort: the positions in the order of their indices, those of the same index in their own order, within runs that are WAYS times as
// long as before. An element's new place is its own plus the number of elements in the other runs that come before it.
//
// x [P]  before [P]: positions, sorted within runs of u.run (unused where FIRST: all in their own order)  → after [P]
// Workgroup: 64 invocations, one per element. Grid: folded over (x, y). FIRST is a generated constant.

const WAYS: u32 = 64u;

fn position_at(i: u32) -> u32 {
    if (FIRST) {
        return i;
    }
    return min(u32(before[i]), u.positions - 1u);
}

// How many elements of the run that begins at `first` come before an element of this key: those of smaller keys, and of the same in
// `earlier` runs.
fn count_before(first: u32, key: u32, earlier: bool) -> u32 {
    let len = min(u.run, u.positions - first);
    var count = 0u;
    for (var step = u.run; step > 0u; step /= 2u) {
        let next = count + step;
        if (next <= len) {
            let other = key_of(x[position_at(first + next - 1u)]);
            count = select(count, next, other < key || (other == key && earlier));
        }
    }
    return count;
}

fn visit(i: u32) {
    if (i >= u.positions) {
        return;
    }
    let position = position_at(i);
    let key = key_of(x[position]);
    let own = i / u.run;
    let group = own / WAYS * WAYS;
    let end = min(group + WAYS, (u.positions + u.run - 1u) / u.run);
    var place = group * u.run + i % u.run;
    for (var run = group; run < end; run++) {
        if (run != own) {
            place += count_before(run * u.run, key, run < own);
        }
    }
    after[min(place, u.positions - 1u)] = f32(position);
}
