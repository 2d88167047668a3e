//! Settings for a folder of images.

use super::text::{head, hidden, last, layer, network, one_line, quoted, split, training};
use super::{New, Task, Written};
use crate::say::table;
use autorot::data::folder::{Options, is_image, read_image};
use autorot::{Error, Result};
use serde_json::json;
use std::path::{Path, PathBuf};

/// How many images of each class are looked at.
const LOOKED_AT: usize = 20;

/// The largest side that is proposed.
const SIDE: usize = 64;

/// The content of a folder, sorted, without hidden files.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
    };
    let mut all = read().map_err(|e| Error::io(folder, e))?;
    all.retain(|path| path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.')));
    all.sort();
    Ok(all)
}

/// Looks at a folder of images.
pub fn describe(new: &New) -> Result<Written> {
    let folders: Vec<PathBuf> = entries(&new.data)?.into_iter().filter(|path| path.is_dir()).collect();
    if folders.len() < 2 {
        let found = format!("{} folders in it", folders.len());
        let expected = "one folder of images for each of at least two classes";
        return Err(Error::invalid(
            new.data.display(),
            found,
            expected,
            "name the folder that holds the classes",
        ));
    }
    let (mut counts, mut sizes, mut gray) = (Vec::new(), Vec::new(), true);
    for folder in &folders {
        let files: Vec<PathBuf> = entries(folder)?.into_iter().filter(|path| is_image(path)).collect();
        for file in files.iter().step_by(files.len().div_ceil(LOOKED_AT).max(1)) {
            let (shape, values) = read_image(file, Options::default())?;
            sizes.push((shape[0], shape[1]));
            gray &= values.chunks(3).all(|pixel| pixel.iter().all(|v| *v == pixel[0]));
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if files.is_empty() {
            let expected = "at least one image in the folder of each class";
            return Err(Error::invalid(
                folder.display(),
                "no image",
                expected,
                "add images, or remove the folder",
            ));
        }
        counts.push((name, files.len()));
    }
    sizes.sort_unstable();
    let (least, most) = (sizes[0], sizes[sizes.len() - 1]);
    let (height, width) = size(&sizes);
    let rows: usize = counts.iter().map(|(_, count)| count).sum();
    let found = if least == most {
        format!("all {} × {} pixels", least.0, least.1)
    } else {
        let widths = sizes.iter().map(|size| size.1);
        let (low, high) = (widths.clone().min().unwrap_or(0), widths.max().unwrap_or(0));
        format!("{} to {} pixels high, {low} to {high} wide", least.0, most.0)
    };
    let colours = if gray { "gray" } else { "in colour" };
    let section = format!(
        "\n[images]  # one folder per class: {}\n\
         path = {}\n\
         size = [{height}, {width}]  # height and width to which images are resized; found: {found}\n\
         gray = {gray}  # whether images become gray; found: {colours}\n\
         skip_damaged = false  # whether damaged images are left out; otherwise they are errors\n",
        counts
            .iter()
            .map(|(name, count)| format!("{} ({count})", one_line(name)))
            .collect::<Vec<_>>()
            .join(", "),
        quoted(&new.path(&new.data)?),
    );
    let text = [
        head(new),
        section,
        split(new),
        training(new, rows, Task::Classification),
        network(),
        layers((height, width), counts.len()),
    ];
    let lines = counts.iter().map(|(name, count)| vec![name.clone(), count.to_string()]);
    let report = format!("{}\n{rows} images, {colours}, {found}", table(&["class", "images"], lines));
    let json = json!({
        "rows": rows, "task": "classification", "gray": gray, "size": [height, width],
        "classes": counts.iter().map(|(name, count)| json!({ "name": name, "images": count })).collect::<Vec<_>>(),
    });
    Ok(Written { text: text.concat(), report, json })
}

/// The size to resize to: that of all if it is small, else the median in proportion.
fn size(sizes: &[(usize, usize)]) -> (usize, usize) {
    let (height, width) = sizes[sizes.len() / 2];
    let largest = height.max(width);
    if largest <= SIDE {
        return (height, width);
    }
    let side = |side: usize| (side * SIDE).div_ceil(largest).max(8);
    (side(height), side(width))
}

/// A small convolutional network.
fn layers(size: (usize, usize), classes: usize) -> String {
    let conv = |filters: usize| {
        let options = [
            ("filters", filters.to_string()),
            ("kernel_size", "3".to_owned()),
            ("padding", quoted("same")),
            ("activation", quoted("tanh")),
            ("auto_rotate", "true".to_owned()),
        ];
        layer("conv2d", &options, "") + &layer("max_pool2d", &[("kernel_size", "2".to_owned())], "")
    };
    let mut text = String::new();
    let (mut side, mut filters) = (size.0.min(size.1), 8);
    while side >= 8 && filters <= 32 {
        text += &conv(filters);
        (side, filters) = (side / 2, 2 * filters);
    }
    text + &layer("flatten", &[], "") + &hidden(64) + &last(classes, "each class")
}
