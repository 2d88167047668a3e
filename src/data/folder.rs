//! Images in one directory per class.

mod decode;
mod jpeg;

use std::fs;
use std::path::{Path, PathBuf};

use decode::Picture;
use rayon::prelude::*;

use super::classes::{check_distinct, listed};
use super::{Dataset, Indexed, Source, luma};
use crate::{Error, Result};

/// The largest height and width, both of image files and after resizing.
const MAX_SIDE: usize = 16_384;

/// The most pixels of an image that is kept as it is, and of one that is resized: a few bytes may declare any number.
const MAX_PIXELS: usize = 1 << 25;
const MAX_RESIZED: usize = 1 << 27;

/// Files with their classes.
type Labelled = Vec<(u32, PathBuf)>;

/// The extensions of the files that are read.
const ENDINGS: [&str; 7] = ["png", "jpg", "jpeg", "jfif", "webp", "gif", "bmp"];

/// The size and colours of the loaded rows. The default keeps those of the images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether images become gray, by the Rec. 601 luma 0.299 R + 0.587 G + 0.114 B.
    pub gray: bool,
    /// The height and width, each 1 to 16,384, that every image is resized to (triangle filter, aspect ratio not kept). `None` requires
    /// images of one size.
    pub size: Option<(usize, usize)>,
}

/// What was skipped in a folder of images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PassedOver {
    /// Files that are not images by their names, beside or inside the class directories.
    pub files: usize,
    /// Directories inside class directories.
    pub directories: usize,
    /// Damaged images, with [`ImageFolder::skip_damaged`].
    pub damaged: usize,
}

/// Loads a folder with one directory of images per class; short for [`ImageFolder`].
///
/// # Errors
/// As [`ImageFolder::load`].
pub fn load(dir: impl AsRef<Path>, options: Options) -> Result<Dataset> {
    ImageFolder::open(dir).options(options).load()
}

/// Whether a file is an image that is read, by the ending of its name.
pub fn is_image(path: impl AsRef<Path>) -> bool {
    let ending = path.as_ref().extension().unwrap_or_default().to_string_lossy().to_lowercase();
    ENDINGS.contains(&ending.as_str())
}

/// One image as a row of inputs: its shape, `[height, width, 3]` or `[height, width]` if gray, and its values in 0..1.
///
/// # Errors
/// As [`ImageFolder::load`] for a single file.
pub fn read_image(path: impl AsRef<Path>, options: Options) -> Result<(Vec<usize>, Vec<f32>)> {
    options.check()?;
    let (mut size, mut values) = (options.size, Vec::new());
    ImageFolder::open("").options(options).read(path.as_ref(), &mut size, &mut values)?;
    let (height, width) = size.unwrap_or_default();
    Ok((options.shape(height, width), values))
}

/// A folder of images: `dir/CLASS/*.png`, one class per directory in `dir`.
///
/// Files that end in `.png`, `.jpg`, `.jpeg`, `.jfif`, `.webp`, `.gif` or `.bmp`, in upper or lower case, are read; their format is
/// detected from their content. Rows have the shape `[height, width, 3]`, channels last, or `[height, width]` for gray images; values lie
/// in 0..1. Images are first turned upright by their EXIF orientation. Of an animation the first frame is used. Transparency is dropped,
/// and colour profiles are not applied.
///
/// Classes are sorted by name, images by class and then by file name. Names that start with a dot are ignored. Other files and nested
/// directories are skipped, with a warning through `log`, and [`ImageFolder::load_counted`] returns how many there were.
///
/// Damaged images are an error. A JPEG file that was truncated, or partly overwritten with zeros, is damaged even though browsers show
/// it, with gray in place of what is missing; one that lacks only its end marker is not. GIF, BMP and WebP files have no checksums:
/// damage is only noticed if something is missing or cannot be decoded.
///
/// ```no_run
/// use autorot::data::{Split, folder::ImageFolder};
///
/// let train = ImageFolder::open("pets/train").size(64, 64).load()?;
/// // The same classes, even if some have no test image.
/// let names = train.targets().class_names().unwrap_or_default();
/// let test = ImageFolder::open("pets/test").size(64, 64).class_names(names).load()?;
/// let pets = Split::new(train, test)?;
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder reads nothing before load"]
pub struct ImageFolder {
    dir: PathBuf,
    options: Options,
    class_names: Option<Vec<String>>,
    skip_damaged: bool,
}

impl ImageFolder {
    /// Starts with this folder, and images in colour and of a single size. Nothing is read yet.
    pub fn open(dir: impl AsRef<Path>) -> Self {
        let dir = dir.as_ref().to_path_buf();
        Self { dir, options: Options::default(), class_names: None, skip_damaged: false }
    }

    /// Sets size and colours.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Sets [`Options::gray`].
    pub fn gray(mut self, gray: bool) -> Self {
        self.options.gray = gray;
        self
    }

    /// Sets [`Options::size`].
    pub fn size(mut self, height: usize, width: usize) -> Self {
        self.options.size = Some((height, width));
        self
    }

    /// Fixes the classes and their order, so that several folders agree on them. A class may lack images or its directory; a directory
    /// with any other name is an error.
    pub fn class_names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.class_names = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Sets whether damaged images, and files that are not images despite their names, are skipped with a warning each; by default they
    /// are errors.
    pub fn skip_damaged(mut self, skip: bool) -> Self {
        self.skip_damaged = skip;
        self
    }

    /// Reads the folder.
    ///
    /// # Errors
    /// A directory or file that cannot be read; no class directory; a class without images, or without a name in the given
    /// [`ImageFolder::class_names`]; a damaged file; an image without pixels, with a side of more than 16,384 pixels, or with more than
    /// 2²⁵ in all (2²⁷ if it is resized); images of different sizes where [`Options::size`] is `None`; a size out of its range.
    pub fn load(&self) -> Result<Dataset> {
        Ok(self.load_counted()?.0)
    }

    /// Reads the folder and also returns what was skipped.
    ///
    /// # Errors
    /// As [`ImageFolder::load`].
    pub fn load_counted(&self) -> Result<(Dataset, PassedOver)> {
        let mut over = PassedOver::default();
        let (names, files) = self.files(&mut over)?;
        let (mut inputs, mut labels) = (Vec::new(), Vec::new());
        let mut size = self.options.size;
        for (label, name) in (0u32..).zip(&names) {
            let before = labels.len();
            for (_, file) in files.iter().filter(|(class, _)| *class == label) {
                if self.read(file, &mut size, &mut inputs)? {
                    labels.push(label);
                } else {
                    over.damaged += 1;
                }
            }
            if labels.len() == before {
                self.without_images(name)?;
            }
        }
        over.tell(&self.dir);
        if labels.is_empty() {
            return Err(no_image(&self.dir));
        }
        let (height, width) = size.unwrap_or_default();
        Ok((Dataset::classes(self.options.shape(height, width), inputs, labels, names)?, over))
    }

    /// The images as a source that decodes them when they are needed, on all cores. Damaged ones are errors then; without
    /// [`Options::size`] all must have the size of the first.
    ///
    /// # Errors
    /// As [`ImageFolder::load`] for the directories and for up to 1,024 images, spread over all, that are read at once;
    /// [`skip_damaged`](ImageFolder::skip_damaged), since rows are numbered before they are read.
    pub fn source(&self) -> Result<Box<dyn Source>> {
        if self.skip_damaged {
            return Err(Error::invalid(
                "image folder option skip_damaged",
                "true for a source, which numbers its rows before it reads them",
                "false",
                "remove damaged images, or load the folder as a whole",
            ));
        }
        let mut over = PassedOver::default();
        let (names, files) = self.files(&mut over)?;
        for (label, name) in (0u32..).zip(&names) {
            if files.iter().all(|(class, _)| *class != label) {
                self.without_images(name)?;
            }
        }
        over.tell(&self.dir);
        let Some((_, first)) = files.first() else { return Err(no_image(&self.dir)) };
        let mut folder = self.clone();
        self.read(first, &mut folder.options.size, &mut Vec::new())?;
        // Images of that size are taken as they are, others are errors, unless a size was set.
        let (size, resized) = (folder.options.size, self.options.size.is_some());
        folder.options.size = size.filter(|_| resized);
        let (height, width) = size.unwrap_or_default();
        let shape = folder.options.shape(height, width);
        let count = files.len();
        let read = move |rows: &[usize]| {
            let image = |&row: &usize| {
                let (mut size, mut values) = (size, Vec::new());
                folder.read(&files[row].1, &mut size, &mut values)?;
                Ok(values)
            };
            let images = rows.par_iter().map(image).collect::<Result<Vec<_>>>()?;
            let labels = rows.iter().map(|&row| files[row].0).collect();
            Dataset::classes(shape.clone(), images.concat(), labels, names.clone())
        };
        Ok(Box::new(Indexed::new(count, read)?))
    }

    /// The class names, and the files with their classes, sorted.
    fn files(&self, over: &mut PassedOver) -> Result<(Vec<String>, Labelled)> {
        self.options.check()?;
        let (directories, others): (Vec<_>, Vec<_>) =
            entries(&self.dir)?.into_iter().partition(|p| p.is_dir());
        over.files += others.len();
        let names = self.names(&directories)?;
        let mut files = Vec::new();
        for (label, name) in (0u32..).zip(&names) {
            let directory = directories.iter().find(|path| file_name(path) == *name);
            let found = directory.map(|d| images(d, over)).transpose()?.unwrap_or_default();
            files.extend(found.into_iter().map(|file| (label, file)));
        }
        Ok((names, files))
    }

    /// The classes: those given, or the directories.
    fn names(&self, directories: &[PathBuf]) -> Result<Vec<String>> {
        if directories.is_empty() {
            return Err(Error::invalid(
                self.dir.display(),
                "no directory",
                "one directory of images for each class",
                "pass the folder that holds the class directories",
            ));
        }
        let mut found: Vec<String> = directories.iter().map(|path| file_name(path)).collect();
        let Some(names) = &self.class_names else { return Ok(found) };
        check_distinct("image folder option class_names", names)?;
        found.retain(|name| !names.contains(name));
        if found.is_empty() {
            return Ok(names.clone());
        }
        Err(Error::invalid(
            self.dir.display(),
            format!("directories of other classes, {}", listed(&found)),
            format!("those of class_names, {}", listed(names)),
            "name every class, or remove the directories",
        ))
    }

    /// Handles a class without images.
    fn without_images(&self, class: &str) -> Result<()> {
        let path = self.dir.join(class);
        if self.class_names.is_none() {
            return Err(no_image(&path));
        }
        log::warn!("{}: no image of this class", path.display());
        Ok(())
    }

    /// Appends one image to `inputs`, unless it is damaged and skipped. `size` is the required size of all images, once the first has set
    /// it.
    fn read(&self, path: &Path, size: &mut Option<(usize, usize)>, inputs: &mut Vec<f32>) -> Result<bool> {
        let bytes = fs::read(path).map_err(|e| Error::io(path, e))?;
        let fits = |found| self.options.fits(path, found, size.unwrap_or(found));
        let damage = match Picture::open(bytes) {
            Err(damage) => damage,
            Ok(picture) => {
                let found = picture.size;
                fits(found)?;
                match picture.decode(self.options.size) {
                    Err(damage) => damage,
                    Ok(image) => {
                        size.get_or_insert(found);
                        if self.options.gray {
                            inputs.extend(image.pixels().map(|p| luma(p.0[0], p.0[1], p.0[2])));
                        } else {
                            inputs.extend_from_slice(&image);
                        }
                        return Ok(true);
                    }
                }
            }
        };
        if self.skip_damaged {
            log::warn!("{}: passed over: {damage}", path.display());
            return Ok(false);
        }
        Err(Error::invalid(
            path.display(),
            damage,
            "a whole PNG, JPEG, WebP, GIF or BMP image",
            "save the image again, remove the file, or set skip_damaged",
        ))
    }
}

impl Options {
    /// The shape of an image.
    fn shape(self, height: usize, width: usize) -> Vec<usize> {
        if self.gray { vec![height, width] } else { vec![height, width, 3] }
    }

    fn check(self) -> Result<()> {
        match self.size {
            Some((height, width)) if [height, width].iter().any(|s| !(1..=MAX_SIDE).contains(s)) => {
                Err(Error::invalid(
                    "image folder option size",
                    format!("({height}, {width})"),
                    format!("a height and a width from 1 to {MAX_SIDE}"),
                    "pass the size of the model's input",
                ))
            }
            _ => Ok(()),
        }
    }

    /// Checks that an image of this height and width can be loaded. The header's size is checked before anything of that size is
    /// allocated.
    fn fits(self, path: &Path, found: (usize, usize), expected: (usize, usize)) -> Result<()> {
        let pixels = format!("{} × {} pixels (height × width)", found.0, found.1);
        let most = if self.size.is_some() { MAX_RESIZED } else { MAX_PIXELS };
        if found.0.max(found.1) > MAX_SIDE || found.0 * found.1 > most {
            return Err(Error::invalid(
                path.display(),
                pixels,
                format!("at most {MAX_SIDE} per side and {most} in all"),
                "make the image smaller",
            ));
        }
        if self.size.is_none() && found != expected {
            return Err(Error::invalid(
                path.display(),
                pixels,
                format!("{} × {}, like the images before it", expected.0, expected.1),
                "set Options::size to resize every image",
            ));
        }
        Ok(())
    }
}

impl PassedOver {
    fn tell(self, dir: &Path) {
        let Self { files, directories, damaged } = self;
        if self != Self::default() {
            let dir = dir.display();
            log::warn!(
                "{dir}: passed over {files} other files, {directories} nested directories, {damaged} damaged images"
            );
        }
    }
}

fn no_image(dir: &Path) -> Error {
    Error::invalid(
        dir.display(),
        "no image",
        format!("at least one file that ends in {}", ENDINGS.join(", ")),
        "add images or remove the directory",
    )
}

/// The content of a directory, sorted, without hidden names.
fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        fs::read_dir(dir)?.map(|entry| entry.map(|e| e.path())).collect()
    };
    let mut paths = read().map_err(|e| Error::io(dir, e))?;
    paths.retain(|path| !file_name(path).starts_with('.'));
    paths.sort();
    Ok(paths)
}

/// The images in a class directory; anything else is counted.
fn images(dir: &Path, over: &mut PassedOver) -> Result<Vec<PathBuf>> {
    let mut paths = entries(dir)?;
    paths.retain(|path| {
        let directory = path.is_dir();
        let image = !directory && is_image(path);
        over.directories += usize::from(directory);
        over.files += usize::from(!directory && !image);
        image
    });
    Ok(paths)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
