//! Reading the data that settings name.

use crate::data::{Arrays, Scaling, Series, Table};
use crate::settings::{By, Settings};
use autorot::data::{Conversion, Preparation, Scaler};
use autorot::model::{Tensor, Weights};
use autorot::{Dataset, Error, Result, Targets};
use std::path::{Path, PathBuf};

/// The same images with an axis for their channels.
pub fn with_channels(images: Dataset) -> Result<Dataset> {
    match *images.shape() {
        [height, width] => images.reshape([height, width, 1]),
        _ => Ok(images),
    }
}

/// An array in a `.npy` file, or the one of this name in a `.npz` file.
pub fn array(path: &Path, name: &str) -> Result<Tensor<f64>> {
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npz")) {
        let arrays = Weights::load(path)?;
        let Some(Tensor { shape, values }) = arrays.get(name) else {
            let found = format!("no array called {name:?}");
            return Err(Error::invalid(
                path.display(),
                found,
                "one of this name",
                "save it under this name, or as .npy",
            ));
        };
        return Ok(Tensor { shape: shape.clone(), values: values.iter().map(|&v| v.into()).collect() });
    }
    Tensor::load(path)
}

/// The rows of arrays: classes are told by their labels.
pub fn rows(
    inputs: &Path,
    targets: Option<&Path>,
    labels: Option<&Path>,
    names: Option<&[String]>,
) -> Result<Dataset> {
    let x = array(inputs, "inputs")?;
    let place = || inputs.display().to_string();
    let Some((&count, shape)) = x.shape.split_first().filter(|(_, shape)| !shape.is_empty()) else {
        let found = format!("an array of the shape {:?}", x.shape);
        return Err(Error::invalid(place(), found, "rows: [rows, ...]", "give it one more axis"));
    };
    let single: Vec<f32> = x.values.iter().map(|&v| v as f32).collect();
    let check = |path: &Path, y: &Tensor<f64>| match y.shape.first() {
        Some(&found) if found == count => Ok(()),
        found => Err(Error::invalid(
            path.display(),
            format!("{} rows", found.copied().unwrap_or(0)),
            format!("{count}, as {} has", place()),
            "give every row of inputs its target",
        )),
    };
    let data = match (targets, labels) {
        (Some(path), None) => {
            let y = array(path, "targets")?;
            check(path, &y)?;
            let width = if y.shape.len() > 1 { y.shape[1..].to_vec() } else { vec![1] };
            let rough = y.values.iter().map(|&v| v as f32).collect();
            Dataset::values(shape, single, width, rough)?.with_targets_f64(&y.values)?
        }
        (None, Some(path)) => {
            let y = array(path, "labels")?;
            check(path, &y)?;
            let label = |&v: &f64| {
                let whole = v.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&v);
                let wrong = || {
                    Error::invalid(
                        path.display(),
                        format!("the label {v}"),
                        "whole numbers from 0",
                        "correct it",
                    )
                };
                if whole { Ok(v as u32) } else { Err(wrong()) }
            };
            let labels = y.values.iter().map(label).collect::<Result<Vec<u32>>>()?;
            let most = labels.iter().max().map_or(0, |&most| most as usize + 1);
            let named = || (0..most).map(|i| i.to_string()).collect();
            Dataset::classes(shape, single, labels, names.map_or_else(named, <[String]>::to_vec))?
        }
        _ => {
            let expected = "targets or labels, and not both";
            return Err(Error::invalid(
                place(),
                "inputs alone, or two kinds of targets",
                expected,
                "name one of them",
            ));
        }
    };
    data.with_inputs_f64(&x.values)
}

/// What a run trains on.
pub struct Loaded {
    pub train: Dataset,
    pub validation: Option<Dataset>,
    /// What was done to the data.
    pub conversion: Option<Conversion>,
}

impl Loaded {
    /// Reads the data that settings name.
    pub fn read(settings: &Settings) -> Result<Self> {
        let mut loaded = Self::plain(settings)?;
        if let Some(weights) = &settings.training.class_weights {
            loaded.train = weights.apply(loaded.train)?;
        }
        Ok(loaded)
    }

    fn plain(settings: &Settings) -> Result<Self> {
        match (&settings.table, &settings.series, &settings.images, &settings.arrays) {
            (Some(table), ..) => of_table(settings, table),
            (_, Some(series), ..) => of_series(settings, series),
            (_, _, Some(images), _) => {
                let (train, validation) =
                    parts(settings, images.load(&settings.path(&images.path))?, |path| images.load(path))?;
                Ok(Self { train, validation, conversion: None })
            }
            (.., Some(arrays)) => of_arrays(settings, arrays),
            _ => Err(Error::invalid(
                settings.file.display(),
                "no data",
                "[table], [series], [images] or [arrays]",
                "add one",
            )),
        }
    }
}

fn of_table(settings: &Settings, table: &Table) -> Result<Loaded> {
    let csv = table.format.csv(&settings.path(&table.path))?;
    let all = csv.table()?;
    let split = &settings.split;
    let (train, validation) = match (&split.validation_path, &table.class) {
        (Some(path), _) => (all, Some(csv.at(settings.path(path)).table()?)),
        (None, _) if split.validation == 0.0 => (all, None),
        (None, class) => {
            let parts = match (split.by.unwrap_or_default(), class) {
                (By::Last, _) => all.split_last(split.validation),
                (By::Random, Some(class)) => all.split_classes(class, split.validation, split.seed),
                (By::Random, None) => all.split(split.validation, split.seed),
            }?;
            (parts.train, Some(parts.test))
        }
    };
    let preparation = Preparation::fit(&train, &table.columns())?;
    Ok(Loaded {
        train: preparation.apply(&train)?,
        validation: validation.map(|rows| preparation.apply(&rows)).transpose()?,
        conversion: Some(preparation.into()),
    })
}

/// The rows for training and those for validation.
fn parts(
    settings: &Settings,
    all: Dataset,
    load: impl Fn(&Path) -> Result<Dataset>,
) -> Result<(Dataset, Option<Dataset>)> {
    let split = &settings.split;
    if let Some(path) = &split.validation_path {
        let parts = autorot::Split::new(all, load(&settings.path(path))?)?;
        return Ok((parts.train, Some(parts.test)));
    }
    if split.validation == 0.0 {
        return Ok((all, None));
    }
    let parts = match split.by.unwrap_or_default() {
        By::Last => all.split_last(split.validation),
        By::Random => all.split(split.validation, split.seed),
    }?;
    Ok((parts.train, Some(parts.test)))
}

fn of_arrays(settings: &Settings, arrays: &Arrays) -> Result<Loaded> {
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| settings.path(path));
    let (targets, labels) = (path(&arrays.targets), path(&arrays.labels));
    let names = arrays.class_names.as_deref();
    let all = rows(&settings.path(&arrays.inputs), targets.as_deref(), labels.as_deref(), names)?;
    let (train, validation) = parts(settings, all, |path| {
        Err(Error::invalid(
            path.display(),
            "a path for validation",
            "a share of the rows of arrays",
            "leave validation_path out",
        ))
    })?;
    scaled(train, validation, arrays.scale, arrays.scale_targets)
}

/// Windows over series; those for validation are of later rows than those for training.
fn of_series(settings: &Settings, series: &Series) -> Result<Loaded> {
    let csv = series.format.csv(&settings.path(&series.path))?;
    let (all, windows, split) = (csv.table()?, series.windows(), &settings.split);
    if split.by == Some(By::Random) {
        let place = format!("{}, [split] by", settings.file.display());
        let remedy = "leave it out: the last rows of every series are kept for validation";
        return Err(Error::invalid(place, "\"random\" for series", "\"last\"", remedy));
    }
    let (train, validation) = match &split.validation_path {
        Some(path) => {
            let later = windows.table(&csv.at(settings.path(path)).table()?)?;
            (windows.table(&all)?, Some(later))
        }
        None if split.validation == 0.0 => (windows.table(&all)?, None),
        None => {
            let parts = windows.split(&all, split.validation)?;
            (parts.train, Some(parts.test))
        }
    };
    scaled(train, validation, series.scale, series.scale_targets)
}

/// Data with the scaling that the rows for training give.
fn scaled(
    mut train: Dataset,
    mut validation: Option<Dataset>,
    inputs: Scaling,
    targets: Scaling,
) -> Result<Loaded> {
    let fit = |scaling: Scaling, of_targets: bool| -> Result<Option<Scaler>> {
        Ok(match (scaling, of_targets) {
            (Scaling::None, _) => None,
            (Scaling::Standard, false) => Some(Scaler::standard(&train)),
            (Scaling::Standard, true) => Some(Scaler::standard_targets(&train)?),
            (Scaling::MinMax, false) => Some(Scaler::min_max(&train, 0.0, 1.0)?),
            (Scaling::MinMax, true) => Some(Scaler::min_max_targets(&train, 0.0, 1.0)?),
        })
    };
    let scalers: Vec<Scaler> = [fit(inputs, false)?, fit(targets, true)?].into_iter().flatten().collect();
    for scaler in &scalers {
        train = scaler.apply(&train)?;
        validation = validation.map(|rows| scaler.apply(&rows)).transpose()?;
    }
    let conversion = if scalers.is_empty() { None } else { Some(Conversion::scalers(scalers)?) };
    Ok(Loaded { train, validation, conversion })
}

/// The number of outputs that the targets ask for.
pub fn outputs(data: &Dataset) -> usize {
    match data.targets() {
        Targets::Classes { names, .. } => names.len(),
        targets @ Targets::Values { .. } => targets.width(),
    }
}
