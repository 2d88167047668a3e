//! The data sets of a folder.

use autorot::data::{Csv, Table};
use autorot::{Dataset, Error, Result, Split, Targets};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// A data set: a table, or series with their own test part.
#[derive(Debug)]
pub struct Set {
    pub name: String,
    train: Dataset,
    test: Option<Dataset>,
}

/// The share of rows that are tested on, and the share of the others that are validated on.
const TEST: f64 = 0.2;
const VALIDATION: f64 = 0.2;

/// Three parts of a data set.
pub struct Thirds {
    pub train: Dataset,
    pub validation: Dataset,
    pub test: Dataset,
}

/// Reads the sets of these names, or all; with at most so many rows in each.
pub fn read(folder: &Path, only: &[String], rows: usize) -> Result<Vec<Set>> {
    let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(|e| Error::io(folder, e))? {
        let path = entry.map_err(|e| Error::io(folder, e))?.path();
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if let Some(name) = file.strip_suffix(".csv").or_else(|| file.strip_suffix(".csv.gz")) {
            files.insert(name.to_owned(), path);
        }
    }
    let sets =
        files.keys().filter(|name| !name.ends_with("_TEST")).map(|name| name.trim_end_matches("_TRAIN"));
    let names: Vec<&str> = sets.filter(|name| only.is_empty() || only.iter().any(|o| o == name)).collect();
    if let Some(missing) = only.iter().find(|name| !names.contains(&name.as_str())) {
        let expected = format!("a file {missing}.csv or {missing}.csv.gz in {}", folder.display());
        return Err(Error::invalid(
            "--only",
            missing,
            expected,
            "name files without endings, _TRAIN and _TEST",
        ));
    }
    if names.is_empty() {
        let expected = "files .csv or .csv.gz, as --help describes them";
        return Err(Error::invalid(folder.display(), "none", expected, "put data sets there"));
    }
    names.into_iter().map(|name| one(name, &files, rows)).collect()
}

fn one(name: &str, files: &BTreeMap<String, PathBuf>, most: usize) -> Result<Set> {
    let name = name.to_owned();
    let Some(train) = files.get(&format!("{name}_TRAIN")) else {
        return Ok(Set { train: capped(load(&files[&name], None)?, most)?, test: None, name });
    };
    let Some(test) = files.get(&format!("{name}_TEST")) else {
        let remedy = format!("add {name}_TEST.csv, or rename it if it is a table");
        return Err(Error::invalid(
            train.display(),
            "no test part",
            format!("{name}_TEST beside it"),
            remedy,
        ));
    };
    let train = as_series(train, load(train, None)?)?;
    let test = as_series(test, load(test, Some(train.targets()))?)?;
    let Split { train, test } = Split::new(train, test)?;
    Ok(Set { name, train: capped(train, most)?, test: Some(capped(test, most)?) })
}

/// Reads a file; its classes are those of `like`, if there is another part.
fn load(path: &Path, like: Option<&Targets>) -> Result<Dataset> {
    let table = Csv::open(path).table()?;
    let inputs = match table.columns().split_last() {
        Some((target, inputs)) if target == "target" && !inputs.is_empty() => inputs,
        _ => {
            let found = format!("the columns {:?}", table.columns().last());
            let expected = "numeric columns, and `target` as the last one";
            return Err(Error::invalid(
                path.display(),
                found,
                expected,
                "move the target to the end and name it so, or leave the file out: --only names those to read",
            ));
        }
    };
    let csv = Csv::open(path).inputs(inputs);
    let classes = match like {
        Some(targets) => targets.class_names().map(<[String]>::to_vec),
        None => classes(&table)?,
    };
    match classes {
        Some(names) => csv.classes("target").class_names(names).load(),
        None => csv.targets(["target"]).load(),
    }
}

/// The names of the classes, if the targets are all whole numbers from 0 to some number.
fn classes(table: &Table) -> Result<Option<Vec<String>>> {
    let mut there: Vec<bool> = Vec::new();
    for field in table.fields("target")? {
        match field.parse::<usize>() {
            Ok(class) if class < table.len() && class.to_string() == field => {
                there.resize(there.len().max(class + 1), false);
                there[class] = true;
            }
            _ => return Ok(None),
        }
    }
    let all = there.len() > 1 && there.iter().all(|&there| there);
    Ok(all.then(|| (0..there.len()).map(|class| class.to_string()).collect()))
}

/// Rows as series `[steps, channels]`, by the names of the columns.
fn as_series(path: &Path, data: Dataset) -> Result<Dataset> {
    let table = Csv::open(path).table()?;
    let columns = &table.columns()[..table.columns().len() - 1];
    let channels = columns.iter().take_while(|name| name.starts_with("t0_c")).count().max(1);
    let steps = columns.len() / channels;
    let name = |i: usize| match channels {
        1 => format!("t{i}"),
        _ => format!("t{}_c{}", i / channels, i % channels),
    };
    if let Some((i, found)) = columns.iter().enumerate().find(|(i, found)| **found != name(*i)) {
        let expected =
            format!("{:?}: steps one after another, t0, t1, … or t0_c0, t0_c1, …, t1_c0, …", name(i));
        return Err(Error::invalid(
            path.display(),
            format!("the column {found:?}"),
            expected,
            "rename the columns",
        ));
    }
    data.reshape([steps, channels])
}

/// At most so many of the rows, drawn as a test part is.
fn capped(data: Dataset, most: usize) -> Result<Dataset> {
    match data.len() {
        rows if rows <= most => Ok(data),
        rows => Ok(data.split(most as f64 / rows as f64, 0)?.test),
    }
}

impl Set {
    pub fn is_series(&self) -> bool {
        self.test.is_some()
    }

    /// The number of rows, training and test.
    pub fn rows(&self) -> usize {
        self.train.len() + self.test.as_ref().map_or(0, Dataset::len)
    }

    /// The shape of a row.
    pub fn shape(&self) -> &[usize] {
        self.train.shape()
    }

    /// The parts of a seed, with this share of the training rows, but at least one of each class.
    pub fn thirds(&self, share: f64, seed: u64) -> Result<Thirds> {
        let Split { train, test } = match &self.test {
            Some(test) => Split { train: self.train.clone(), test: test.clone() },
            None => self.train.split(TEST, seed)?,
        };
        let Split { train, test: validation } = train.split(VALIDATION, seed)?;
        let classes = train.targets().class_names().map_or(1, <[String]>::len);
        let most = train.len().saturating_sub(classes) as f64 / train.len() as f64;
        let train = if share < 1.0 { train.split((1.0 - share).min(most), seed)?.train } else { train };
        Ok(Thirds { train, validation, test })
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.train.targets() {
            Targets::Classes { names, .. } => format!("{} classes", names.len()),
            Targets::Values { .. } => "values".to_owned(),
        };
        write!(f, "{}, {} rows of {:?}, {what}", self.name, self.rows(), self.shape())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    /// A folder with a table of classes, one of values, and series of two channels.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, header: &str, row: &dyn Fn(usize) -> String, rows: usize| {
            let rows: String = (0..rows).map(|i| row(i) + "\n").collect();
            std::fs::write(folder.path().join(name), format!("{header}\n{rows}")).unwrap();
        };
        write("blobs.csv", "a,b,target", &|i| format!("{},{},{}", i % 3, i % 7, i % 3), 60);
        write("line.csv", "a,b,target", &|i| format!("{i},{},{}", i % 5, 2 * i + 3), 50);
        let series = |i: usize| format!("{i},1,{},2,{},3,{}", i + 1, i + 2, i % 2);
        for part in ["TRAIN", "TEST"] {
            write(&format!("steps_{part}.csv"), "t0_c0,t0_c1,t1_c0,t1_c1,t2_c0,t2_c1,target", &series, 20);
        }
        std::fs::write(folder.path().join("README.md"), "no data").unwrap();
        folder
    }

    #[test]
    fn a_folders_sets_are_tables_or_series_of_classes_or_values() {
        let folder = folder();
        let sets = read(folder.path(), &[], 1000).unwrap();
        let told: Vec<String> = sets.iter().map(ToString::to_string).collect();
        let wanted = [
            "blobs, 60 rows of [2], 3 classes",
            "line, 50 rows of [2], values",
            "steps, 40 rows of [3, 2], 2 classes",
        ];
        assert_eq!(told, wanted);
        assert_eq!(sets.iter().map(Set::is_series).collect::<Vec<_>>(), [false, false, true]);
        let only = read(folder.path(), &["steps".into()], 10).unwrap();
        assert_eq!((only.len(), only[0].rows()), (1, 20));
        let error = read(folder.path(), &["none".into()], 10).unwrap_err().to_string();
        assert!(error.contains("none.csv"), "{error}");
    }

    #[test]
    fn parts_share_no_row_and_shares_take_of_the_training_rows_alone() {
        let folder = folder();
        let sets = read(folder.path(), &["line".into()], 1000).unwrap();
        let firsts =
            |data: &Dataset| data.inputs().iter().step_by(2).map(|&v| v as usize).collect::<Vec<_>>();
        for seed in 0..3 {
            let all = sets[0].thirds(1.0, seed).unwrap();
            let mut rows = [&all.train, &all.validation, &all.test].map(firsts).concat();
            rows.sort_unstable();
            assert_eq!(rows, (0..50).collect::<Vec<_>>());
            assert_eq!([all.train.len(), all.validation.len(), all.test.len()], [32, 8, 10]);
            let part = sets[0].thirds(0.25, seed).unwrap();
            assert_eq!(part.train.len(), 8);
            assert_eq!(
                (firsts(&part.test), firsts(&part.validation)),
                (firsts(&all.test), firsts(&all.validation))
            );
            assert!(firsts(&part.train).iter().all(|row| firsts(&all.train).contains(row)));
            // A tenth of 16 rows would leave nothing of one of the classes.
            let few = read(folder.path(), &["steps".into()], 1000).unwrap()[0].thirds(0.1, seed).unwrap();
            assert_eq!(
                (few.train.len(), few.train.targets().class_names().map(<[String]>::len)),
                (2, Some(2))
            );
        }
    }
}
