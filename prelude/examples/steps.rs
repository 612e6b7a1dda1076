//! How long a training step takes, without kernel, cell and display: for profilers.
//!
//! ```console
//! cargo run -p torchbook-prelude --example steps -- [STEPS] [BATCH_SIZE] [POLICY]
//! OMP_NUM_THREADS=1 perf record target/…/examples/steps 300
//! ```
//!
//! The founding notebook's model learns noise; POLICY is `float32` or `mixed_bfloat16`. What users
//! get, measured against other programs, is `tests/bench`.

use std::time::Instant;

use torchbook::*;

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: i64| arguments.next().map_or(Ok(default), |text| text.parse());
    let (steps, batch_size) = (number(300)?, number(32)?);
    if let Some(policy) = std::env::args().nth(3) {
        mixed_precision::set_global_policy(&policy)?;
    }
    set_random_seed(0);
    let mut cnn = Sequential::new([
        Input::new((28, 28, 1)).into(),
        Conv2D::new(64, (5, 5)).strides((2, 2)).into(),
        BatchNormalization::new().into(),
        Activation::relu().into(),
        Flatten::new().into(),
        Dense::new(128).into(),
        BatchNormalization::new().into(),
        Activation::relu().into(),
        Dense::new(10).into(),
        Activation::softmax().into(),
    ])?;
    cnn.compile("sparse_categorical_crossentropy", "adam", ["acc"])?;
    let rows = steps * batch_size;
    let x = Tensor::rand([rows, 28, 28, 1], (Kind::Float, Device::Cpu));
    let y = Tensor::randint(10, [rows], (Kind::Int64, Device::Cpu));
    for epoch in 1..=3 {
        let began = Instant::now();
        cnn.fit(&x, &y)
            .batch_size(batch_size as usize)
            .verbose(0)
            .run()?;
        let per_step = began.elapsed().as_secs_f64() * 1e3 / steps as f64;
        println!("epoch {epoch}: {per_step:.3} ms per step");
    }
    Ok(())
}
