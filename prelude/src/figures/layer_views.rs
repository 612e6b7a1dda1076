//! What a layer of a model looks like: its filters, and what it makes of a sample.

use tch::{Device, Kind, Tensor};

use super::colormap::Colormap;
use super::image_grid::{GridSize, ImageGrid};
use crate::training::interrupt;
use crate::{AnyLayer, Error, Mode, Network, Result, TensorExt, Weight};

/// Samples that are computed at a time.
const BATCH: i64 = 256;
/// Maps or filters that are shown at most.
const MOST: i64 = 64;
const COLUMNS: i64 = 16;
/// Filters have few pixels, which are then large.
const FILTER_SIDE: u32 = 40;
const MAP_SIDE: u32 = 56;

/// What the layer called `layer` computes for samples `x`: features, embeddings.
///
/// # Shapes
/// - x: `(n, …)`, samples of the model's input
/// - returns: `(n, …)`, on the CPU
///
/// # Errors
/// [`Error::UnknownName`] lists the layers that there are; [`Error::ShapeMismatch`] if the samples do
/// not fit the model; [`Error::EmptyData`] without samples; [`Error::Interrupted`] if the user has
/// pressed the stop button.
///
/// # Source
/// Keras, `Model(model.inputs, model.get_layer(name).output).predict(x)`.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let model = Sequential::new([
///     Input::new(4).into(),
///     Dense::new(3).name("features").into(),
///     Dense::new(2).into(),
/// ])?;
/// let x = Tensor::rand([5, 4], (Kind::Float, Device::Cpu));
/// assert_eq!(layer_output(&model, "features", &x)?.shape(), (5, 3));
/// # Ok::<(), Error>(())
/// ```
pub fn layer_output(model: &impl Network, layer: &str, x: &Tensor) -> Result<Tensor> {
    let layer = model.layer(layer)?;
    let _guard = tch::no_grad_guard();
    let count = x.size().first().copied().unwrap_or(0);
    let mut parts = Vec::new();
    for start in (0..count).step_by(BATCH as usize) {
        interrupt::check()?;
        let batch = x.f_narrow(0, start, BATCH.min(count - start))?;
        let outputs =
            layer.outputs_during(|| model.compute(&[batch], Mode::Evaluate).map(|_| ()))?;
        let output = outputs
            .into_iter()
            .next()
            .ok_or_else(|| no_output(&layer))?;
        parts.push(output.f_to_device(Device::Cpu)?);
    }
    match parts.is_empty() {
        true => Err(Error::EmptyData {
            place: "layer_output".into(),
        }),
        false => Ok(Tensor::f_cat(&parts, 0)?),
    }
}

fn no_output(layer: &AnyLayer) -> Error {
    Error::InvalidArgument {
        place: "layer_output: layer".into(),
        expected: "a layer that the model's outputs depend on".into(),
        received: format!("{layer:?}, which computes nothing"),
    }
}

/// Shows what a convolution or pooling layer makes of one sample: an image for each channel, at most
/// 64, all in the same colours.
///
/// # Shapes
/// sample: of the model's input, such as `(28, 28, 1)`, or a batch of one
///
/// # Errors
/// As [`layer_output`], and [`Error::ShapeMismatch`] for layers whose output is no image.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let model = Sequential::new([
///     Input::new((28, 28, 1)).into(),
///     Conv2D::new(8, 5).name("edges").into(),
/// ])?;
/// let images = Tensor::rand([10, 28, 28, 1], (Kind::Float, Device::Cpu));
/// show_feature_maps(&model, "edges", &images.get(0))?;
/// # Ok::<(), Error>(())
/// ```
pub fn show_feature_maps(model: &impl Network, layer: &str, sample: &Tensor) -> Result<()> {
    feature_maps(model, layer, sample)?.show()
}

fn feature_maps(model: &impl Network, layer: &str, sample: &Tensor) -> Result<ImageGrid> {
    let place = "show_feature_maps";
    let rank = model.input_shapes().first().map(|shape| shape.len());
    let batch = match rank == Some(sample.dim()) {
        true => sample.f_unsqueeze(0)?,
        false => sample.shallow_clone(),
    };
    let output = layer_output(model, layer, &batch)?;
    let &[1, _, _, channels] = &output.size()[..] else {
        return Err(Error::ShapeMismatch {
            place: place.to_owned(),
            expected:
                "one sample, and a layer with an output of shape (1, rows, columns, channels)"
                    .into(),
            received: output.shape().to_string(),
            remedy: "choose a convolution or pooling layer, and one sample with .get(i)".into(),
        });
    };
    let maps = output.f_squeeze_dim(0)?.f_permute([2, 0, 1])?;
    let grid = ImageGrid::of(place, &maps, grid_size(channels))?.image_size(MAP_SIDE)?;
    let heading = format!("{layer}: {}", shown(channels, "channel"));
    in_one_range(grid, &maps, None).map(|grid| grid.heading(&heading))
}

/// Shows the filters of a convolution: red is positive, blue negative, grey zero.
///
/// With one input channel there is an image for each filter, at most 64. With more there is a row
/// for each filter and an image for each channel, at most 16 of both.
///
/// # Errors
/// [`Error::UnknownName`] lists the layers that there are; [`Error::InvalidArgument`] for layers
/// without a kernel of images; [`Error::NotBuilt`] before the weights exist.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let model = Sequential::new([
///     Input::new((28, 28, 1)).into(),
///     Conv2D::new(8, 5).name("edges").into(),
/// ])?;
/// show_filters(&model, "edges")?;
/// # Ok::<(), Error>(())
/// ```
pub fn show_filters(model: &impl Network, layer: &str) -> Result<()> {
    filters(model, layer)?.show()
}

fn filters(model: &impl Network, layer: &str) -> Result<ImageGrid> {
    let place = "show_filters";
    let found = model.layer(layer)?;
    let weights = found.weights();
    if weights.is_empty() && !found.is_built() {
        return Err(Error::NotBuilt {
            model: layer.to_owned(),
            action: "showing filters",
        });
    }
    let kernel = weights.iter().find(|weight| weight.tensor().dim() == 4);
    let kernel = kernel.ok_or_else(|| Error::InvalidArgument {
        place: format!("{place}: layer"),
        expected: "a layer with a kernel of shape (rows, columns, channels, filters)".into(),
        received: format!("{found:?}"),
    })?;
    let kernel = Weight::to_keras(kernel)?;
    let &[rows, columns, channels, filters] = &kernel.size()[..] else {
        return Err(Error::Drawing {
            place,
            reason: format!("a kernel of shape {}", kernel.shape()),
        });
    };
    let (images, size, heading) = match channels {
        1 => (
            kernel
                .f_permute([3, 2, 0, 1])?
                .f_reshape([filters, rows, columns])?,
            grid_size(filters),
            format!("{layer}: {}", shown(filters, "filter")),
        ),
        _ => {
            let size = GridSize::from((filters.min(COLUMNS), channels.min(COLUMNS)));
            let part = kernel
                .f_narrow(3, 0, size.rows)?
                .f_narrow(2, 0, size.columns)?
                .f_permute([3, 2, 0, 1])?
                .f_reshape([-1, rows, columns])?;
            let heading = format!(
                "{layer}: {} x {}",
                shown_of(size.rows, filters, "filter"),
                shown_of(size.columns, channels, "channel")
            );
            (part, size, heading)
        }
    };
    let grid = ImageGrid::of(place, &images, size)?
        .image_size(FILTER_SIDE)?
        .heading(&heading);
    in_one_range(grid, &images, Some(Colormap::Coolwarm))
}

/// One range of colours for all images; around zero with a table that has a middle.
fn in_one_range(grid: ImageGrid, images: &Tensor, middle: Option<Colormap>) -> Result<ImageGrid> {
    let ends = images
        .f_detach()?
        .f_to_kind(Kind::Double)?
        .f_aminmax(None::<i64>, false)?;
    let (low, high) = (ends.0.double_value(&[]), ends.1.double_value(&[]));
    let (low, high) = match middle {
        Some(_) => {
            let far = low.abs().max(high.abs());
            (-far, far)
        }
        None => (low, high),
    };
    let grid = match middle {
        Some(colormap) => grid.colormap(colormap),
        None => grid,
    };
    // Equal numbers have no range, and NaN has none either.
    match low < high && low.is_finite() && high.is_finite() {
        true => grid.color_limits(low, high),
        false => Ok(grid),
    }
}

fn grid_size(images: i64) -> GridSize {
    let shown = images.min(MOST);
    let columns = match shown {
        ..=8 => shown,
        9..=32 => 8,
        _ => COLUMNS,
    };
    (
        shown.div_euclid(columns.max(1)) + i64::from(shown % columns.max(1) > 0),
        columns.max(1),
    )
        .into()
}

fn shown(all: i64, noun: &str) -> String {
    shown_of(all.min(MOST), all, noun)
}

fn shown_of(shown: i64, all: i64, noun: &str) -> String {
    let plural = if all == 1 { "" } else { "s" };
    match shown == all {
        true => format!("{all} {noun}{plural}"),
        false => format!("{shown} of {all} {noun}{plural}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::founding_model;
    use crate::{Activation, Conv2D, Dense, Flatten, Input, Layer, Model, Sequential, Trainer};

    fn small() -> Result<Sequential> {
        Sequential::new([
            Input::new((6, 6, 1)).into(),
            Conv2D::new(3, 3).name("first").into(),
            Activation::relu().name("rectified").into(),
            Conv2D::new(20, 3).name("second").into(),
            Flatten::new().into(),
            Dense::new(2).activation("softmax").name("classes").into(),
        ])
    }

    fn x(count: i64) -> Tensor {
        Tensor::rand([count, 6, 6, 1], (Kind::Float, Device::Cpu))
    }

    #[test]
    fn a_layers_output_is_what_the_layers_before_and_it_compute() -> Result<()> {
        let (model, x) = (small()?, x(300));
        let first = layer_output(&model, "first", &x)?;
        let rectified = layer_output(&model, "rectified", &x)?;
        assert_eq!(first.shape(), (300, 4, 4, 3));
        assert_eq!(rectified, first.relu());
        // The last one's activation is included, as predict includes it.
        let classes = layer_output(&model, "classes", &x)?;
        assert!(classes.allclose(&model.predict(&x)?, 1e-5, 1e-6, false));
        assert!(layer_output(&model, "third", &x).is_err());
        assert!(layer_output(&model, "first", &x.narrow(0, 0, 0)).is_err());
        Ok(())
    }

    #[test]
    fn a_layer_in_a_graph_is_seen_too() -> Result<()> {
        let input = Input::new((6, 6, 1)).symbol()?;
        let maps = Conv2D::new(3, 3).name("maps").call(&input)?;
        let output = Flatten::new().call(&maps)?;
        let model = Model::new(&input, &output)?;
        let x = x(2);
        let maps = layer_output(&model, "maps", &x)?;
        assert_eq!(maps.reshape([2, -1]), model.predict(&x)?);
        assert!(feature_maps(&model, "maps", &x.get(0)).is_ok());
        Ok(())
    }

    #[test]
    fn maps_and_filters_are_grids() -> Result<()> {
        let (model, x) = (small()?, x(1));
        let grid = feature_maps(&model, "second", &x.get(0))?;
        assert_eq!(grid.to_text(), "second: 20 channels\n3 x 8 images");
        assert_eq!(
            feature_maps(&model, "second", &x)?.to_text(),
            grid.to_text()
        );
        assert_eq!(
            filters(&model, "first")?.to_text(),
            "first: 3 filters\n1 x 3 images"
        );
        assert_eq!(
            filters(&model, "second")?.to_text(),
            "second: 16 of 20 filters x 3 channels\n16 x 3 images"
        );
        let founding = founding_model()?;
        let name = founding.layer_names()[0].clone();
        assert!(
            filters(&founding, &name)?
                .to_text()
                .ends_with("64 filters\n4 x 16 images")
        );
        Ok(())
    }

    #[test]
    fn layers_without_images_are_refused() -> Result<()> {
        let (model, x) = (small()?, x(2));
        let error = filters(&model, "classes")
            .expect_err("a matrix")
            .to_string();
        assert!(error.ends_with("received <Dense name=classes>"), "{error}");
        assert!(feature_maps(&model, "classes", &x.get(0)).is_err());
        let error = feature_maps(&model, "first", &x)
            .expect_err("two samples")
            .to_string();
        assert!(error.contains("received (2, 4, 4, 3)"), "{error}");
        Ok(())
    }
}
