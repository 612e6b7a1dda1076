//! One call for one figure: matplotlib's words, shown at once.
//!
//! Each is [`Figure`] with one thing in it; whoever wants titles or several of them builds one.

use super::Figure;
use super::array::{Array, ArrayLike};
use crate::Result;

/// Shows a line through points.
///
/// # Errors
/// [`Error::InvalidArgument`](crate::Error::InvalidArgument) unless x and y are equally many, and
/// [`Error::Interrupted`](crate::Error::Interrupted) if the user has pressed the stop button.
///
/// # Example
/// ```
/// use torchbook::*;
/// plot([1, 2, 3], [0.9, 0.4, 0.3])?;
/// plot(0..3, Tensor::from_slice(&[0.9f32, 0.4, 0.3]))?;
/// # Ok::<(), Error>(())
/// ```
pub fn plot(x: impl ArrayLike, y: impl ArrayLike) -> Result<()> {
    Figure::new().line(x, y).show()
}

/// Shows a dot at each point.
///
/// # Errors
/// As [`plot`].
///
/// # Example
/// ```
/// use torchbook::*;
/// let points = Tensor::randn([100, 2], (Kind::Float, Device::Cpu));
/// scatter(points.select(1, 0), points.select(1, 1))?;
/// # Ok::<(), Error>(())
/// ```
pub fn scatter(x: impl ArrayLike, y: impl ArrayLike) -> Result<()> {
    Figure::new().scatter(x, y).show()
}

/// Shows a bar for each name.
///
/// # Errors
/// As [`plot`].
///
/// # Example
/// ```
/// use torchbook::*;
/// bar(["cat", "dog"], [30, 20])?;
/// # Ok::<(), Error>(())
/// ```
pub fn bar<S: AsRef<str>>(
    names: impl IntoIterator<Item = S>,
    heights: impl ArrayLike,
) -> Result<()> {
    Figure::new().bar(names, heights).show()
}

/// Shows how many numbers lie in each of `bins` equal parts of their range.
///
/// # Errors
/// As [`plot`], and if `bins` is 0.
///
/// # Example
/// ```
/// use torchbook::*;
/// hist(Tensor::randn([1000], (Kind::Float, Device::Cpu)), 30)?;
/// # Ok::<(), Error>(())
/// ```
pub fn hist(values: impl ArrayLike, bins: usize) -> Result<()> {
    Figure::new().hist(values, bins).show()
}

/// Shows a matrix as colours, with a colour bar; small ones with their numbers.
///
/// # Errors
/// As [`plot`], and for what is no matrix.
///
/// # Example
/// ```
/// use torchbook::*;
/// heatmap([[1.0, 0.5], [0.25, 0.0]])?;
/// # Ok::<(), Error>(())
/// ```
pub fn heatmap(matrix: impl ArrayLike) -> Result<()> {
    const MOST_NUMBERS: i64 = 150;
    let is_small = Array::of(&matrix)?.shape.numel() <= MOST_NUMBERS;
    let figure = Figure::new().heatmap(matrix);
    match is_small {
        true => figure.annotate().show(),
        false => figure.show(),
    }
}

/// Shows an image: `(rows, columns)` or `(rows, columns, 1)` through a colormap, or
/// `(rows, columns, 3)` in its own colours.
///
/// # Errors
/// As [`plot`], and for what is no image.
///
/// # Example
/// ```
/// use torchbook::*;
/// imshow(Tensor::rand([28, 28], (Kind::Float, Device::Cpu)))?;
/// # Ok::<(), Error>(())
/// ```
pub fn imshow(image: impl ArrayLike) -> Result<()> {
    Figure::new().imshow(image).show()
}

/// Shows a box for each group of numbers: quartiles, median, whiskers, outliers.
///
/// # Errors
/// As [`plot`], and for groups without a finite number.
///
/// # Example
/// ```
/// use torchbook::*;
/// box_plot([("before", [1.0, 2.0, 5.0]), ("after", [2.0, 2.5, 9.0])])?;
/// # Ok::<(), Error>(())
/// ```
pub fn box_plot<S: AsRef<str>, A: ArrayLike>(
    groups: impl IntoIterator<Item = (S, A)>,
) -> Result<()> {
    Figure::new().box_plot(groups).show()
}
