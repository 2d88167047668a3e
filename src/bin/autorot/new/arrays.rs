//! Settings for arrays of numpy.

use super::text::{head, hidden, last, layer, network, quoted, split, training};
use super::{New, Task, Written};
use crate::load::{outputs, rows};
use autorot::{Error, Result};
use serde_json::json;

/// Looks at arrays.
pub fn describe(new: &New) -> Result<Written> {
    let inside = new.data.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npz"));
    let (targets, labels) = match (&new.targets, &new.labels, new.task) {
        (None, None, Some(Task::Classification)) if inside => (None, Some(&new.data)),
        (None, None, _) if inside => (Some(&new.data), None),
        (None, None, _) => {
            let expected = "targets or labels, too";
            let remedy = "name them with --targets or --labels";
            return Err(Error::invalid(new.data.display(), "an array of inputs alone", expected, remedy));
        }
        (targets, labels, _) => (targets.as_ref(), labels.as_ref()),
    };
    let data = rows(&new.data, targets.map(|path| &**path), labels.map(|path| &**path), None)?;
    let (low, high) = data.range();
    let (name, path, task) = match (targets, labels) {
        (Some(path), _) => ("targets", path, Task::Regression),
        (None, Some(path)) => ("labels", path, Task::Classification),
        (None, None) => ("labels", &new.data, Task::Classification),
    };
    let mut section = format!(
        "\n[arrays]\n\
         inputs = {}  # {} rows of the shape {:?}, from {low} to {high}\n\
         {name} = {}  # targets: values to regress; labels: classes from 0\n",
        quoted(&new.path(&new.data)?),
        data.len(),
        data.shape(),
        quoted(&new.path(path)?),
    );
    if task == Task::Classification {
        section += "# class_names = [\"…\"]\n";
    }
    let scaled = data.shape().len() < 3;
    let scale = if scaled { "standard" } else { "none" };
    section += &format!(
        "scale = \"{scale}\"  # of each input feature: standard (mean 0, deviation 1), min_max (0..1), none\n"
    );
    if task == Task::Regression {
        section += "scale_targets = \"standard\"  # predictions come back in the targets' own units\n";
    }
    let count = outputs(&data);
    let flat = if data.shape().len() > 1 { layer("flatten", &[], "") } else { String::new() };
    let what = if task == Task::Classification { "each class" } else { "each target" };
    let layers = [flat, hidden(32), hidden(32), last(count, what)].concat();
    let text = [head(new), section, split(new), training(new, data.len(), task), network(), layers].concat();
    let report =
        format!("{} rows of the shape {:?}, from {low} to {high}; {count} outputs", data.len(), data.shape());
    let json = json!({ "rows": data.len(), "shape": data.shape(), "range": [low, high], "outputs": count });
    Ok(Written { text, report, json })
}
