//! Images from a folder with a sub-folder for each class.
//!
//! libtorch's binding decodes PNG, JPEG, BMP and GIF itself (stb_image), so no crate is needed.

use std::path::{Path, PathBuf};
use std::{fs, io};

use tch::{Kind, Tensor};

use super::dataset::{Batch, Dataset, Samples};
use crate::training::interrupt;
use crate::{Error, Result};

/// Endings of files that are taken, as Keras's.
const ENDINGS: [&str; 5] = ["bmp", "gif", "jpeg", "jpg", "png"];

/// How many channels images get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorMode {
    /// Red, green, blue.
    #[default]
    Rgb,
    /// One channel: 0.299 red + 0.587 green + 0.114 blue.
    Grayscale,
}

/// The images in the sub-folders of a folder. The sub-folders' names, in alphabetical order, are
/// the classes.
///
/// Images are brought to one size with bilinear interpolation and kept as bytes, `(n, rows,
/// columns, channels)`; labels are 64-bit, `(n,)`.
///
/// # Example
/// ```no_run
/// use torchbook::*;
///
/// // flowers/rose/1.jpg, flowers/rose/2.jpg, flowers/tulip/1.png, …
/// let flowers = ImageFolder::new("flowers")?.image_size((96, 96));
/// println!("{:?}", flowers.class_names());
/// let (images, labels) = flowers.load()?;                  // all at once
/// let batches = flowers.dataset().batch(32).shuffle(1).prefetch(2);   // or as they are needed
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras 3, `keras.utils.image_dataset_from_directory`: images of (256, 256), bilinear.
#[derive(Clone, Debug)]
pub struct ImageFolder {
    files: Vec<(PathBuf, i64)>,
    class_names: Vec<String>,
    image_size: (i64, i64),
    color_mode: ColorMode,
}

impl ImageFolder {
    /// Lists the images; nothing is decoded yet. Hidden files and files of other kinds are left
    /// out.
    ///
    /// # Errors
    /// [`Error::MissingFile`], [`Error::File`]; [`Error::EmptyData`] if there is no image in any
    /// sub-folder.
    pub fn new(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let classes: Vec<PathBuf> = listed(folder)?.into_iter().filter(|p| p.is_dir()).collect();
        let mut files = Vec::new();
        for (class, path) in (0..).zip(&classes) {
            collect(path, class, &mut files)?;
        }
        if files.is_empty() {
            return Err(Error::EmptyData {
                place: format!(
                    "{}: ImageFolder: no {} file in a sub-folder",
                    folder.display(),
                    ENDINGS.join(", ")
                ),
            });
        }
        Ok(ImageFolder {
            files,
            class_names: classes.iter().map(|path| name(path)).collect(),
            image_size: (256, 256),
            color_mode: ColorMode::Rgb,
        })
    }

    /// Rows and columns of every image; (256, 256) without this call.
    pub fn image_size(mut self, size: (i64, i64)) -> Self {
        self.image_size = size;
        self
    }

    /// How many channels; red, green and blue without this call.
    pub fn color_mode(mut self, mode: ColorMode) -> Self {
        self.color_mode = mode;
        self
    }

    /// Names of the classes, in the order of the labels.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// How many images there are.
    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// Where the images lie, in order.
    pub fn paths(&self) -> Vec<&Path> {
        self.files.iter().map(|(path, _)| path.as_path()).collect()
    }

    /// Decodes all images.
    ///
    /// # Errors
    /// [`Error::WrongFileContent`] for a file that is no image, with its name.
    pub fn load(&self) -> Result<(Tensor, Tensor)> {
        let all: Vec<i64> = (0..self.files.len() as i64).collect();
        let (images, labels) = self.decoded(&all)?;
        Ok((images, labels))
    }

    /// Decodes images batch by batch, when their turn comes.
    pub fn dataset(&self) -> Dataset {
        Dataset::from_samples(self.clone())
    }

    fn decoded(&self, rows: &[i64]) -> Result<(Tensor, Tensor)> {
        let (mut images, mut labels) = (Vec::new(), Vec::new());
        for &row in rows {
            interrupt::check()?;
            let Some((path, label)) = self.files.get(row as usize) else {
                continue;
            };
            images.push(self.decode(path)?);
            labels.push(*label);
        }
        Ok((Tensor::f_stack(&images, 0)?, Tensor::f_from_slice(&labels)?))
    }

    fn decode(&self, path: &Path) -> Result<Tensor> {
        let bytes = fs::read(path).map_err(|source| unreadable(path, source))?;
        let image = tch::vision::image::load_from_memory(&bytes);
        let image = image.map_err(|error| Error::WrongFileContent {
            path: path.to_owned(),
            expected: format!("an image ({})", ENDINGS.join(", ")),
            received: Error::from(error).to_string(),
            remedy: "remove the file, or save it again as PNG".into(),
        })?;
        // (channels, rows, columns) of bytes, as floats from here to the rounding.
        let mut image = image.f_to_kind(Kind::Float)?.f_unsqueeze(0)?;
        if self.color_mode == ColorMode::Grayscale {
            let weights = Tensor::f_from_slice(&[0.299f32, 0.587, 0.114])?;
            let weighted = image.f_mul(&weights.f_reshape([1, 3, 1, 1])?)?;
            image = weighted.f_sum_dim_intlist(1i64, true, None)?;
        }
        let (rows, columns) = self.image_size;
        if image.size()[2..] != [rows, columns] {
            image = image.f_upsample_bilinear2d([rows, columns], false, None, None)?;
        }
        Ok(image
            .f_squeeze_dim(0)?
            .f_permute([1, 2, 0])?
            .f_round()?
            .f_clamp(0.0, 255.0)?
            .f_to_kind(Kind::Uint8)?
            .f_contiguous()?)
    }
}

impl Samples for ImageFolder {
    fn count(&self) -> usize {
        self.files.len()
    }

    fn batch(&self, rows: &[i64]) -> Result<Batch> {
        let (images, labels) = self.decoded(rows)?;
        Ok(Batch {
            x: vec![images],
            y: vec![labels],
        })
    }
}

/// Images in a class's folder and below, in alphabetical order.
fn collect(folder: &Path, class: i64, files: &mut Vec<(PathBuf, i64)>) -> Result<()> {
    for path in listed(folder)? {
        let ending = path
            .extension()
            .map(|e| e.to_string_lossy().to_ascii_lowercase());
        if path.is_dir() {
            collect(&path, class, files)?;
        } else if ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) {
            files.push((path, class));
        }
    }
    Ok(())
}

/// What is in a folder, without hidden entries, in alphabetical order.
fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |source| unreadable(folder, source);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if !name(&path).starts_with('.') {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> String {
    path.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn unreadable(path: &Path, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::NotFound => Error::MissingFile {
            path: path.to_owned(),
            remedy: "check the name, and the folder that the notebook runs in".into(),
        },
        _ => Error::File {
            action: "read",
            path: path.to_owned(),
            source,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TensorExt;

    /// A picture of one colour, as PNG.
    fn picture(path: &Path, size: [i64; 2], rgb: [u8; 3]) {
        fs::create_dir_all(path.parent().expect("a folder")).expect("disk space");
        let colour = Tensor::from_slice(&rgb).reshape([3, 1, 1]);
        let image = colour.expand([3, size[0], size[1]], false).contiguous();
        tch::vision::image::save(&image, path).expect("disk space");
    }

    fn flowers() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        picture(&path("tulip/b.png"), [4, 6], [10, 20, 30]);
        picture(&path("tulip/a.jpg"), [8, 8], [200, 200, 200]);
        picture(&path("rose/deep/c.PNG"), [3, 3], [255, 0, 0]);
        fs::write(path("rose/notes.txt"), "no image").expect("disk space");
        fs::create_dir(path(".hidden")).expect("disk space");
        folder
    }

    #[test]
    fn sub_folders_are_classes_in_alphabetical_order() -> Result<()> {
        let folder = flowers();
        let images = ImageFolder::new(folder.path())?.image_size((4, 6));
        assert_eq!(images.class_names(), ["rose", "tulip"]);
        let (x, y) = images.load()?;
        assert_eq!((x.shape(), x.kind()), ((3, 4, 6, 3).into(), Kind::Uint8));
        assert_eq!(y.to_vec::<i64>()?, [0, 1, 1]);
        assert_eq!(x.get(0).get(2).get(5).to_vec::<i64>()?, [255, 0, 0]);
        assert_eq!(x.get(2).get(0).get(0).to_vec::<i64>()?, [10, 20, 30]);
        let jpeg = x.get(1).to_vec::<i64>()?;
        assert!(
            jpeg.iter().all(|value| (value - 200).abs() <= 3),
            "{jpeg:?}"
        );
        let grey = images.color_mode(ColorMode::Grayscale).load()?.0;
        assert_eq!(
            (grey.shape(), grey.int64_value(&[0, 0, 0, 0])),
            ((3, 4, 6, 1).into(), 76)
        );
        Ok(())
    }

    #[test]
    fn a_dataset_decodes_images_when_their_turn_comes() -> Result<()> {
        let folder = flowers();
        let dataset = ImageFolder::new(folder.path())?
            .image_size((2, 2))
            .dataset();
        let batches: Result<Vec<Batch>> = dataset.batch(2).prefetch(1).epoch(0)?.collect();
        let shapes: Vec<_> = batches?.iter().map(|batch| batch.x[0].shape()).collect();
        assert_eq!(shapes, [[2i64, 2, 2, 3], [1, 2, 2, 3]]);
        Ok(())
    }

    #[test]
    fn files_and_folders_that_are_no_use_are_named() {
        let folder = flowers();
        fs::write(folder.path().join("rose/broken.png"), "no image").expect("disk space");
        let images = ImageFolder::new(folder.path()).expect("listed only");
        let error = images.load().expect_err("broken").to_string();
        assert!(error.contains("broken.png: expected an image"), "{error}");
        let none = ImageFolder::new(folder.path().join("rose/deep")).expect_err("no sub-folder");
        assert!(matches!(none, Error::EmptyData { .. }), "{none}");
        let error = ImageFolder::new("/nowhere")
            .expect_err("nothing there")
            .to_string();
        assert!(error.contains("/nowhere: file not found"), "{error}");
    }
}
