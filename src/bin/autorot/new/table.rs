//! Settings for a table.

use super::columns::Chosen;
use super::survey::{self, Column, Kind};
use super::text::{head, hidden, last, list, network, one_line, quoted, split, training};
use super::{New, Task, Written};
use crate::data::Format;
use crate::say::texts;
use autorot::Result;
use serde_json::json;
use std::fmt::Write;

/// Looks at a table.
pub fn describe(new: &New) -> Result<Written> {
    let mut format = new.format.clone();
    let mut read = format.csv(&new.data)?.table();
    if !format.decimal_comma && read.as_ref().map_or(Ok(true), survey::has_commas)? {
        let commas = Format { decimal_comma: true, ..format.clone() };
        // Where a comma could be a delimiter, the other reading may do.
        if let Ok(table) = commas.csv(&new.data)?.table()
            && survey::has_commas(&table)?
        {
            (format, read) = (commas, Ok(table));
        }
    }
    let read = read?;
    let columns = survey::columns(&read, format.decimal_comma, &format.missing)?;
    for marker in columns.iter().flat_map(|column| &column.markers) {
        if !format.missing.contains(marker) {
            format.missing.push(marker.clone());
        }
    }
    let chosen = Chosen::new(new, &columns, read.len())?;
    let report = report(&columns, &chosen, read.len());
    let json = json!({
        "rows": read.len(),
        "task": if chosen.task == Task::Classification { "classification" } else { "regression" },
        "targets": chosen.targets,
        "columns": columns.iter().map(|column| told(column, &chosen)).collect::<Vec<_>>(),
    });
    let text = [
        head(new),
        section(new, &columns, &chosen, &format)?,
        split(new),
        training(new, read.len(), chosen.task),
        network(),
        layers(&chosen, read.len()),
    ];
    Ok(Written { text: text.concat(), report, json })
}

/// What the column is used as.
fn role(column: &Column, chosen: &Chosen) -> &'static str {
    if chosen.targets.contains(&column.name) {
        return "target";
    }
    match column.kind {
        Kind::Number { .. } => "number",
        Kind::Category(_) => "category",
        Kind::Ignored(_) => "ignored",
    }
}

/// A column's name on one line.
fn shown(name: &str) -> String {
    if name.is_empty() { "(no name)".to_owned() } else { one_line(name) }
}

/// A column's values in a few words.
fn values(column: &Column) -> String {
    match &column.kind {
        Kind::Number { low, high, odd: None, .. } => format!("{} to {}", plain(*low), plain(*high)),
        Kind::Number { low, high, odd: Some((end, count)), .. } => {
            let (low, high, end) = (plain(*low), plain(*high), plain(*end));
            format!("{low} to {high}; {end} in {count} rows: if that means missing, give --missing {end}")
        }
        Kind::Category(counts) => {
            let some: Vec<String> =
                counts.iter().take(4).map(|(name, count)| format!("{name} ({count})")).collect();
            format!("{}{}", some.join(", "), if counts.len() > 4 { ", …" } else { "" })
        }
        Kind::Ignored(why) => why.clone(),
    }
}

/// A number as people write it.
fn plain(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e9 {
        return number.to_string();
    }
    format!("{number:.3e}").parse::<f64>().map_or_else(|_| number.to_string(), |rounded| rounded.to_string())
}

fn told(column: &Column, chosen: &Chosen) -> serde_json::Value {
    let range = match &column.kind {
        Kind::Number { low, high, .. } => Some([*low, *high]),
        _ => None,
    };
    json!({
        "name": column.name, "role": role(column, chosen), "range": range, "distinct": column.distinct,
        "missing": column.missing, "values": values(column),
    })
}

fn report(columns: &[Column], chosen: &Chosen, rows: usize) -> String {
    let mut lines = Vec::new();
    for column in columns {
        lines.push(vec![
            shown(&column.name),
            role(column, chosen).to_owned(),
            if column.distinct == 0 { String::new() } else { column.distinct.to_string() },
            if column.missing == 0 { String::new() } else { column.missing.to_string() },
            values(column),
        ]);
    }
    let task = if chosen.task == Task::Classification { "classify" } else { "predict" };
    let target = columns.iter().find(|column| chosen.targets.contains(&column.name));
    let number = target.is_some_and(|column| matches!(column.kind, Kind::Number { .. }));
    let other =
        if task == "classify" && number { " (to predict it as a number: --task regression)" } else { "" };
    format!(
        "{}\n{rows} rows; the network is to {task} {} from {} inputs{other}",
        texts(&["column", "use", "distinct", "missing", "values"], lines),
        chosen.targets.join(", "),
        chosen.numbers.len() + chosen.categories.len()
    )
}

fn section(new: &New, columns: &[Column], chosen: &Chosen, format: &Format) -> Result<String> {
    let mut text = format!("\n[table]\npath = {}\n", quoted(&new.path(&new.data)?));
    let mut add = |line: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{line}");
    };
    let of = |names: &[String]| {
        columns.iter().filter(|column| names.contains(&column.name)).cloned().collect::<Vec<_>>()
    };
    let missing = |column: &Column| match column.missing {
        0 => String::new(),
        count => format!("; {count} missing"),
    };
    let comments = |names: &[String]| {
        of(names)
            .iter()
            .map(|column| {
                format!("    # {}: {}{}", shown(&column.name), one_line(&values(column)), missing(column))
            })
            .collect::<Vec<_>>()
    };
    let lists = [
        ("numbers", "# Inputs that are numbers.", &chosen.numbers),
        (
            "categories",
            "# Inputs that are one of some texts or codes: each becomes 0 or 1 for every category.",
            &chosen.categories,
        ),
    ];
    for (name, what, names) in lists {
        add(what.to_owned());
        add(format!("{name} = {}", list(names)));
        comments(names).into_iter().for_each(&mut add);
    }
    let ignored: Vec<String> = columns
        .iter()
        .filter_map(|column| match &column.kind {
            Kind::Ignored(why) if !chosen.targets.contains(&column.name) => {
                Some(format!("    # {}: {why}", shown(&column.name)))
            }
            _ => None,
        })
        .collect();
    if !ignored.is_empty() {
        add("# Not used:".to_owned());
        ignored.into_iter().for_each(&mut add);
    }
    if chosen.task == Task::Classification {
        add("# The column to classify. For numbers to predict: targets = [\"…\"].".to_owned());
        add(format!("class = {}", quoted(&chosen.targets[0])));
    } else {
        add("# The columns to predict. For a class instead: class = \"…\".".to_owned());
        add(format!("targets = {}", list(&chosen.targets)));
    }
    comments(&chosen.targets).into_iter().for_each(&mut add);
    add("scale = \"standard\"  # of the numbers: standard (mean 0, deviation 1), min_max (0..1), none"
        .to_owned());
    if chosen.task == Task::Regression {
        add("scale_targets = \"standard\"  # predictions come back in the table's own units".to_owned());
    }
    let fills = [
        (
            "missing_numbers",
            &chosen.numbers,
            "median",
            "drop (leave such rows out), mean, median, most_frequent, or a number",
        ),
        (
            "missing_categories",
            &chosen.categories,
            "most_frequent",
            "drop, most_frequent, or the name of a category",
        ),
    ];
    for (name, names, fill, choices) in fills {
        let some = of(names).iter().any(|column| column.missing > 0);
        add(format!("{name} = \"{}\"  # {choices}", if some { fill } else { "drop" }));
    }
    add("mark_missing = false  # whether inputs with missing values get another one that says so".to_owned());
    let rare = of(&chosen.categories).iter().any(|column| match &column.kind {
        Kind::Category(counts) => counts.iter().any(|(_, count)| *count < 20),
        _ => false,
    });
    let unknown = if rare { "ignore" } else { "error" };
    add(format!(
        "unknown_categories = \"{unknown}\"  # a category that no training row has: error, or ignore"
    ));
    let mut written = String::new();
    if let Some(delimiter) = &format.delimiter {
        written += &format!("delimiter = {}\n", quoted(delimiter));
    }
    if format.decimal_comma {
        written += "decimal_comma = true\n";
    }
    if !format.missing.is_empty() {
        written += &format!("missing = {}  # besides empty fields\n", list(&format.missing));
    }
    if let Some(encoding) = &format.encoding {
        written += &format!("encoding = {}\n", quoted(encoding));
    }
    if format.headerless {
        written += "headerless = true\n";
    }
    if let Some(comment) = &format.comment {
        written += &format!("comment = {}\n", quoted(comment));
    }
    let options = "# delimiter = \";\", decimal_comma = true, missing = [\"?\"], encoding = \"latin1\", headerless = true, comment = \"#\"\n";
    Ok(format!(
        "{text}\n[table.format]  # how the file is written; the delimiter is detected\n{options}{written}"
    ))
}

fn layers(chosen: &Chosen, rows: usize) -> String {
    let units = match rows {
        ..500 => 16,
        500..5000 => 32,
        _ => 64,
    };
    let what = if chosen.task == Task::Classification { "each class" } else { "each target" };
    [hidden(units), hidden(units), last(chosen.outputs, what)].concat()
}
