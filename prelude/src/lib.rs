//! What torchbook's cells have in scope: Keras's vocabulary on libtorch, with displays for
//! notebooks.
//!
//! `use torchbook::*;` is a notebook's first line, which the kernel has already run, and the list at
//! the end of this file is everything it brings.
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
//! # From Keras's words to these
//!
//! Three rules lead from one to the other:
//!
//! - What has no default is an argument of `new`; what has one is a method of the same name behind it.
//! - `&x` lends a tensor or a model; without the `&` it is given away.
//! - A call that can fail returns a [`Result`], and `?` ends a cell with the message.
//!
//! | Keras | here |
//! |---|---|
//! | `keras.datasets.mnist.load_data()` | [`mnist::load_data()?`](mnist::load_data), [`fashion_mnist`], [`cifar10`] |
//! | `x.shape`, `x.reshape(60000, 784)`, `x.astype("float32")` | [`x.shape()`](TensorExt::shape), [`x.reshape_to((60000, 784))?`](TensorExt::reshape_to), [`x.to_float32()`](TensorExt::to_float32) |
//! | `np.array([[1.0, 2.0]])` | [`tensor([[1.0, 2.0]])?`](tensor()) |
//! | `train_test_split(x, y, test_size=0.1, random_state=1)` | [`train_test_split(&x, &y, 0.1, 1)?`](train_test_split) |
//! | `keras.Sequential([…])`, `model.add(…)` | [`Sequential::new([….into()])?`](Sequential::new), [`model.add(…)?`](Sequential::add) |
//! | `Conv2D(64, 5, strides=2, activation="relu")` | `Conv2D::new(64, 5).strides(2).activation("relu")`, see [`Conv2D`] |
//! | `x = Dense(10)(x)`, `keras.Model(inputs, outputs)` | `let x = Dense::new(10).call(&x)?;`, [`Model::new(&inputs, &outputs)?`](Model::new) |
//! | `model.summary()`, `plot_model(model)` | [`model.summary()`](Network::summary), [`plot_model(&model)`](plot_model) |
//! | `model.compile(loss="mse", optimizer="adam", metrics=["mae"])` | [`model.compile("mse", "adam", ["mae"])?`](Trainer::compile) |
//! | `Adam(learning_rate=0.01)`, `SparseCategoricalCrossentropy(from_logits=True)` | [`Adam::new().learning_rate(0.01)`](Adam), [`SparseCategoricalCrossentropy::new().from_logits(true)`](SparseCategoricalCrossentropy) |
//! | `model.fit(x, y, epochs=5, validation_split=0.1, callbacks=[EarlyStopping()])` | [`model.fit(&x, &y).epochs(5).validation_split(0.1).callback(EarlyStopping::new()).run()?`](Trainer::fit) |
//! | `history.history["loss"]` | [`history["loss"]`](History), and [`history.plot()`](History::plot) |
//! | `model.evaluate(x, y)`, `model.predict(x)` | [`model.evaluate(&x, &y)?`](Trainer::evaluate), [`model.predict(&x)?`](Trainer::predict) |
//! | `model.save(path)`, `keras.models.load_model(path)` | [`model.save(path)?`](Saving::save), [`load_model(path)?`](load_model) |
//! | `class MyLayer(keras.Layer)`, `class MyCallback(Callback)` | `impl Layer for MyLayer`, `impl Callback for MyCallback`: see [`Layer`], [`Callback`] |
//! | `tf.GradientTape()`, a loop of one's own | tch's [`Tensor::backward`], [`progress`](progress()), [`train_on_batch`](Trainer::train_on_batch) |
//! | `tf.data.Dataset`, `keras.utils.image_dataset_from_directory` | [`Dataset`], [`ImageFolder`] |
//! | `plt.plot(x, y)`, `plt.imshow(image)`, `plt.subplots()` | [`plot(x, y)?`](plot), [`imshow(image)?`](imshow), [`Figure`] |
//! | `display(…)`, `input(…)` | [`display`](display()), [`input`](input()), [`input_or`] |
//! | `tqdm(items)` | [`progress(items)`](progress()) |
//!
//! `prelude/KERAS.md` in the sources lists each of Keras's names with what of it is there.
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
mod torch_state;
mod training;

// ---- The user's vocabulary, in the order of a notebook. ----

pub use device::{
    DeviceMemory, Versions, default_device, device_memory, empty_device_cache,
    float32_matmul_precision, reset_peak_memory, set_default_device, set_float32_matmul_precision,
    versions,
};
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
pub use model::layers::masking::Masking;
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
    Hinge, Huber, IntoLoss, IntoLosses, KLDivergence, LogCosh, Loss, MeanAbsoluteError,
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
#[doc(hidden)]
pub use training::recorded_step::replayed_steps;
pub use training::recorded_step::{cuda_graphs, set_cuda_graphs};
pub use training::trainer::Trainer;

pub use display::input::{input, input_or, password};
pub use display::media::{Html, Json, Latex, Markdown, Png, Svg};
pub use display::rich_display::{RichDisplay, display};
pub use display::{DisplayHandle, Rich, clear_output};
pub use figures::{
    ArrayLike, ClassScores, ClassificationReport, Colormap, Confused, ConfusionMatrix, Drawing,
    DrawingRoot, Figure, GridSize, ImageGrid, NamedLabels, Predictions, Projection, TopLoss, bar,
    box_plot, classification_report, heatmap, hist, imshow, layer_output, pca, plot, scatter,
    show_batch, show_embeddings, show_feature_maps, show_filters, show_grid, show_predictions,
    show_top_losses, top_losses,
};

pub use plotters;
pub use tch;
pub use tch::{
    Cuda, Device, IndexOp, Kind, NewAxis, Reduction, Tensor, manual_seed, nn, no_grad,
    no_grad_guard, set_num_threads, with_grad,
};
