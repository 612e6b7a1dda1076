//! What torchbook's cells have in scope: Keras's vocabulary on libtorch, with displays for
//! notebooks.
//!
//! `use torchbook::*;` is a notebook's first line, and the list at the end of this file is
//! everything it brings.
//!
//! ```no_run
//! use torchbook::*;
//!
//! println!("{}", versions());
//! let ((image_train, label_train), (image_test, label_test)) = mnist::load_data()?;
//! show_grid(&image_train, &label_train, 5)?;
//!
//! let x_train = image_train.reshape_to((60000, 28, 28, 1))?.to_float32() / 255.0;
//! let x_test = image_test.reshape_to((10000, 28, 28, 1))?.to_float32() / 255.0;
//! let (x_train, x_val, y_train, y_val) = train_test_split(&x_train, &label_train, 0.1, 1)?;
//!
//! let mut cnn = Sequential::new([
//!     Input::new((28, 28, 1)).into(),
//!     Conv2D::new(64, (5, 5)).strides((2, 2)).into(),
//!     BatchNormalization::new().into(),
//!     Activation::relu().into(),
//!     Flatten::new().into(),
//!     Dense::new(128).into(),
//!     BatchNormalization::new().into(),
//!     Activation::relu().into(),
//!     Dense::new(10).into(),
//!     Activation::softmax().into(),
//! ])?;
//! cnn.summary();
//! cnn.compile(SparseCategoricalCrossentropy::new(), Adam::new(), [Accuracy.named("acc")])?;
//! let history = cnn.fit(&x_train, &y_train).validation_data(&x_val, &y_val).epochs(5).run()?;
//!
//! let y_pred = cnn.predict(&x_test)?;
//! show_predictions(&image_test, &y_pred, 7)?;
//! println!("{}", cnn.evaluate(&x_test, &label_test)?);
//! # Ok::<(), Error>(())
//! ```
//!
//! tch stays usable beside it: [`Tensor`], [`nn`], [`Kind`], [`Device`] are tch's own.
//!
//! Errors are values: calls that can fail return [`Result`], and `?` ends a cell with the message.
//! Operators such as `x / 255.0` panic, as Rust's own do.

#[doc(hidden)]
pub mod cell_support;
mod child;
mod crash;
mod data;
mod device;
mod display;
mod error;
mod figures;
mod initializers;
mod losses;
mod metrics;
pub mod mixed_precision;
mod model;
mod native;
mod optimizers;
mod panics;
mod question_mark;
mod random;
mod regularizers;
mod saving;
mod shape;
mod tensor;
#[cfg(test)]
mod testing;
mod training;

// ---- The user's vocabulary, in the order of a notebook. ----

pub use device::{Versions, default_device, versions};
pub use error::{Error, Result};
pub use random::set_random_seed;

pub use data::categorical::to_categorical;
pub use data::csv::{ReadCsv, Table, read_csv};
pub use data::dataset::{Batch, Dataset, Epoch, Samples};
pub use data::images::{ColorMode, ImageFolder};
pub use data::nested::{Nested, tensor};
pub use data::split::{PartSize, TrainTestSplit, train_test_split};
pub use data::{TrainAndTest, cifar10, fashion_mnist, mnist};
pub use shape::Shape;
pub use tensor::TensorExt;

pub use initializers::Initializer;
pub use model::Mode;
pub use model::any_layer::AnyLayer;
pub use model::diagram::{Diagram, plot_model};
pub use model::functional::Model;
pub use model::graph::{SymbolicTensor, Symbols};
pub use model::layers::activations::{ELU, LeakyReLU, PReLU, ReLU, Softmax};
pub use model::layers::attention::MultiHeadAttention;
pub use model::layers::convolution::{
    conv1d::Conv1D, conv2d::Conv2D, conv2d_transpose::Conv2DTranspose,
    depthwise_conv2d::DepthwiseConv2D, separable_conv2d::SeparableConv2D,
};
pub use model::layers::dropout::{
    Dropout, GaussianDropout, GaussianNoise, SpatialDropout1D, SpatialDropout2D,
};
pub use model::layers::embedding::Embedding;
pub use model::layers::lambda::{Computed, Identity, Lambda};
pub use model::layers::merging::{
    Add, Average, Concatenate, Dot, DotAxes, Maximum, Minimum, Multiply, Subtract,
};
pub use model::layers::normalization::{
    GroupNormalization, LayerNormalization, RMSNormalization, UnitNormalization,
};
pub use model::layers::pooling::{
    AveragePooling1D, AveragePooling2D, GlobalAveragePooling1D, GlobalAveragePooling2D,
    GlobalMaxPooling1D, GlobalMaxPooling2D, MaxPooling1D, MaxPooling2D,
};
pub use model::layers::preprocessing::{CenterCrop, Normalization, Rescaling, Resizing};
pub use model::layers::random_image::{
    FillMode, FlipMode, RandomFlip, RandomRotation, RandomTranslation, RandomZoom, Range,
};
pub use model::layers::recurrent::bidirectional::{Bidirectional, MergeMode};
pub use model::layers::recurrent::{gru::GRU, lstm::LSTM, simple_rnn::SimpleRNN};
pub use model::layers::reshaping::{
    Cropping1D, Cropping2D, Interpolation, Permute, RepeatVector, Reshape, UpSampling1D,
    UpSampling2D, ZeroPadding1D, ZeroPadding2D,
};
pub use model::layers::time_distributed::TimeDistributed;
pub use model::layers::torch_module::TorchModule;
pub use model::layers::{
    Activation, Argument, BatchNormalization, Border, Config, Dense, Flatten, Function, Input,
    Layer, Mistake, ModelOutput, OutputForm, Padding, Pair,
};
pub use model::names::clear_session;
pub use model::network::{Connection, Network};
pub use model::sequential::Sequential;
pub use model::summary::Summary;
pub use model::weight::{AxisOrder, Weight};
pub use regularizers::Regularizer;

pub use losses::{
    BinaryCrossentropy, CategoricalCrossentropy, CategoricalHinge, CosineSimilarity, CustomLoss,
    Hinge, Huber, IntoLoss, KLDivergence, LogCosh, Loss, MeanAbsoluteError,
    MeanAbsolutePercentageError, MeanSquaredError, MeanSquaredLogarithmicError, Poisson,
    SparseCategoricalCrossentropy, SquaredHinge,
};
pub use metrics::{
    AUC, Accuracy, Averaging, BinaryAccuracy, CategoricalAccuracy, Curve, CustomMetric, F1Score,
    FBetaScore, IntoMetrics, MeanIoU, Metric, MetricState, Named, Precision, Recall,
    RootMeanSquaredError, SparseCategoricalAccuracy, SparseTopKCategoricalAccuracy,
    SummationMethod, TopKCategoricalAccuracy, confusion_matrix,
};
pub use optimizers::{
    Adadelta, Adagrad, Adam, AdamW, Adamax, CosineDecay, CosineDecayRestarts, ExponentialDecay,
    IntoOptimizer, InverseTimeDecay, LearningRate, LearningRateSchedule, Nadam, OneCycle,
    Optimizer, PiecewiseConstantDecay, PolynomialDecay, RMSprop, SGD,
};

pub use saving::{Saving, load_model};

pub use training::arrays::Arrays;
pub use training::callbacks::{
    BackupAndRestore, CSVLogger, Callback, EarlyStopping, LambdaCallback, LearningRateScheduler,
    ModelCheckpoint, Outcome, ReduceLROnPlateau, TensorBoard, TerminateOnNaN, Training,
};
pub use training::compile::TrainingState;
pub use training::fit::Fit;
pub use training::history::History;
pub use training::interrupt;
pub use training::logs::Logs;
pub use training::lr_find::{LearningRateCurve, LrFind};
pub use training::progress::iterator::{Progress, progress};
pub use training::trainer::Trainer;

pub use display::input::{input, input_or, password};
pub use display::media::{Html, Json, Latex, Markdown, Png, Svg};
pub use display::rich_display::{RichDisplay, display};
pub use display::{DisplayHandle, Rich, clear_output};
pub use figures::{
    ArrayLike, ClassScores, ClassificationReport, Colormap, Confused, ConfusionMatrix, Drawing,
    DrawingRoot, Figure, GridSize, ImageGrid, Predictions, Projection, TopLoss, bar, box_plot,
    classification_report, heatmap, hist, imshow, layer_output, pca, plot, scatter, show_batch,
    show_embeddings, show_feature_maps, show_filters, show_grid, show_predictions, show_top_losses,
    top_losses,
};

pub use plotters;
pub use tch;
pub use tch::{
    Cuda, Device, IndexOp, Kind, NewAxis, Reduction, Tensor, manual_seed, nn, no_grad,
    no_grad_guard, set_num_threads, with_grad,
};
