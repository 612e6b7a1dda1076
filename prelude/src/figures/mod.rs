//! Pictures below a cell.
//!
//! `figure.rs`, `charts.rs`, `image_grid.rs` and `drawing.rs` are what users call; they compose a
//! [`scene`], which `svg.rs` and `raster.rs` paint. Looking at what a model does is in
//! `classification/`.

mod array;
mod axes;
mod charts;
mod classification;
mod colormap;
mod colours;
mod drawing;
mod figure;
pub(crate) mod font;
mod histogram;
mod image_grid;
mod images;
mod layer_views;
mod picture;
mod png;
mod projection;
mod raster;
mod save;
mod scene;
mod svg;

pub(crate) use axes::ticks::{Axis, Scale};

pub use array::ArrayLike;
pub use charts::{bar, box_plot, heatmap, hist, imshow, plot, scatter};
pub use classification::{
    ClassScores, ClassificationReport, Confused, ConfusionMatrix, NamedLabels, TopLoss,
    classification_report, show_top_losses, top_losses,
};
pub use colormap::Colormap;
pub use drawing::{Drawing, DrawingRoot};
pub use figure::Figure;
pub use image_grid::{GridSize, ImageGrid};
pub use images::{Predictions, show_batch, show_grid, show_predictions};
pub use layer_views::{layer_output, show_feature_maps, show_filters};
pub use projection::{Projection, pca, show_embeddings};
