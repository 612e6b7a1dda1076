//! What torchbook's cells have in scope: Keras's vocabulary on libtorch, with displays for notebooks.
pub mod child;
mod data;
mod device;
mod display;
mod error;
mod random;
mod shape;
mod tensor;
mod training {
    pub mod interrupt;
}

pub use data::{fashion_mnist, mnist, split::train_test_split};
pub use device::{Versions, default_device, versions};
pub use display::input::{input, password};
pub use display::value::EvcxrDisplay;
pub use display::{DisplayHandle, Rich, clear_output};
pub use error::{Error, Result};
pub use random::set_random_seed;
pub use shape::Shape;
pub use tensor::TensorExt;
pub use training::interrupt;

pub use plotters;
pub use tch;
pub use tch::{
    Cuda, Device, IndexOp, Kind, NewAxis, Reduction, Tensor, manual_seed, nn, no_grad,
    no_grad_guard, set_num_threads, with_grad,
};
