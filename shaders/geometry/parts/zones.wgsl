// Zones: positions of a grid (ZONE_GRID) that share a ρ. In every dimension, each position below ZONE_LOW or from ZONE_HIGH on is a
// zone of its own, and those in between belong to ZONE_PERIOD alternating zones. Zones of lines are those of the first two
// dimensions. Names in capitals are generated constants.

// select(no, yes, which), which OpenGL before 4.5 lacks for vectors of integers.
fn select_each(no: vec3<u32>, yes: vec3<u32>, which: vec3<bool>) -> vec3<u32> {
    return vec3<u32>(select(no.x, yes.x, which.x), select(no.y, yes.y, which.y), select(no.z, yes.z, which.z));
}

// The zone of a place per dimension.
fn zones_along(at: vec3<u32>) -> vec3<u32> {
    let turn = ZONE_LOW + (max(at, ZONE_LOW) - ZONE_LOW) % max(ZONE_PERIOD, vec3<u32>(1u));
    let above = max(at, ZONE_HIGH) - ZONE_HIGH + ZONE_LOW + ZONE_PERIOD;
    return select_each(select_each(above, turn, at < ZONE_HIGH), at, at < ZONE_LOW);
}

fn zone_of(position: u32) -> u32 {
    if (ZONES == 1u) {
        return 0u;
    }
    let line = position / ZONE_GRID.z;
    let zone = zones_along(vec3<u32>(line / ZONE_GRID.y, line % ZONE_GRID.y, position % ZONE_GRID.z));
    return (zone.x * ZONES_ALONG.y + zone.y) * ZONES_ALONG.z + zone.z;
}

// The positions of a zone: `count` of them from `first` on, `step` apart.
struct Zone {
    first: vec3<u32>,
    step: vec3<u32>,
    count: vec3<u32>,
}

fn zone_at(zone: u32) -> Zone {
    let line = zone / ZONES_ALONG.z;
    let at = vec3<u32>(line / ZONES_ALONG.y, line % ZONES_ALONG.y, zone % ZONES_ALONG.z);
    let takes_turns = at >= ZONE_LOW & at < ZONE_LOW + ZONE_PERIOD;
    let above = max(at, ZONE_LOW + ZONE_PERIOD) - (ZONE_LOW + ZONE_PERIOD) + ZONE_HIGH;
    let step = select_each(vec3<u32>(1u), ZONE_PERIOD, takes_turns);
    let turns = (max(ZONE_HIGH, at) - at + step - 1u) / step;
    return Zone(
        select_each(above, at, at < ZONE_LOW + ZONE_PERIOD),
        step,
        select_each(vec3<u32>(1u), turns, takes_turns),
    );
}
