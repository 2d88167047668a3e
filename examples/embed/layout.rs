//! Where the views lie in a frame: the target above the learnt picture on the left, the plot on the right.

/// Around and between the views.
const MARGIN: u32 = 24;

/// Between the two pictures.
const GAP: u32 = 16;

/// A rectangle of a frame, in pixels from its top left corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

/// The places of the three views.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub target: Rect,
    pub learnt: Rect,
    pub plot: Rect,
}

impl Layout {
    /// For a frame and a picture of these widths and heights. Each pixel of the picture becomes a square of whole pixels of the
    /// frame if there is room.
    pub fn new((width, height): (u32, u32), (columns, rows): (u32, u32)) -> Self {
        let cell = (height.saturating_sub(2 * MARGIN + GAP) / 2).min(width * 2 / 5).max(1);
        let longest = columns.max(rows).max(1);
        let scaled = |n: u32| match cell / longest {
            0 => (n * cell / longest).max(1),
            times => n * times,
        };
        let (w, h) = (scaled(columns), scaled(rows));
        let place =
            |top: u32| Rect { x: MARGIN + (cell - w) / 2, y: top + (cell - h) / 2, width: w, height: h };
        let left = cell + 2 * MARGIN;
        let plot = Rect {
            x: left.min(width - 1),
            y: MARGIN.min(height - 1),
            width: width.saturating_sub(left + MARGIN).max(1),
            height: height.saturating_sub(2 * MARGIN).max(1),
        };
        Self { target: place(MARGIN), learnt: place(MARGIN + cell + GAP), plot }
    }
}
