//! The C interface as the kernel's child process uses it, with real signals: a process of its own,
//! in which no other test takes the interrupt up.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use torchbook::*;

unsafe extern "C" {
    safe fn torchbook_abi_version() -> u32;
    safe fn torchbook_child_start();
    safe fn torchbook_flush();
    safe fn torchbook_begin_cell();
    fn torchbook_input_reply(ptr: *const u8, len: usize, status: i32);
}

/// There is one interrupt flag per process.
static ALONE: Mutex<()> = Mutex::new(());

fn interrupt_this_process() {
    // SAFETY: the handler that torchbook_child_start has installed only stores to an atomic.
    unsafe { libc::raise(libc::SIGINT) };
}

/// A loss that presses the stop button in its sixth batch.
struct Interrupting(AtomicUsize);

impl Loss for Interrupting {
    fn name(&self) -> &'static str {
        "interrupting"
    }

    fn values(&self, y: &Tensor, output: &ModelOutput) -> Result<Tensor> {
        if self.0.fetch_add(1, Ordering::Relaxed) == 5 {
            interrupt_this_process();
        }
        SparseCategoricalCrossentropy::new().values(y, output)
    }

    fn check_targets(&self, _: &Tensor, _: &Shape, _: &str) -> Result<()> {
        Ok(())
    }
}

#[test]
fn sigint_stops_fit_between_two_batches_and_fit_can_go_on() -> Result<()> {
    let _alone = ALONE.lock();
    torchbook_child_start();
    torchbook_begin_cell();
    let x = Tensor::rand([32, 4], (Kind::Float, Device::Cpu));
    let y = x.argmax(1, false);
    let mut model = Sequential::new([
        Input::new(4).into(),
        Dense::new(4).into(),
        Activation::softmax().into(),
    ])?;
    model.compile(Interrupting(0.into()), Adam::new(), ["acc"])?;
    let error = model
        .fit(&x, &y)
        .batch_size(8)
        .epochs(3)
        .verbose(0)
        .run()
        .expect_err("interrupted");
    assert_eq!(
        error.to_string(),
        "fit: interrupted in epoch 2 of 3 after batch 2 of 4: the model keeps its weights and optimizer state, \
         history() has the 1 epoch finished; call fit again to continue, with .initial_epoch(1) to go on counting"
    );
    assert!(error.is_interrupt());
    assert_eq!(model.history().epochs(), [1]);
    let history = model
        .fit(&x, &y)
        .batch_size(8)
        .initial_epoch(1)
        .epochs(3)
        .verbose(0)
        .run()?;
    assert_eq!(history.epochs(), [2, 3]);
    // The model's own history goes on where it was interrupted.
    assert_eq!(model.history().epochs(), [1, 2, 3]);
    Ok(())
}

#[test]
fn an_interrupt_in_validation_evaluation_or_prediction_is_taken_up() -> Result<()> {
    let _alone = ALONE.lock();
    torchbook_child_start();
    torchbook_begin_cell();
    let x = Tensor::rand([8, 4], (Kind::Float, Device::Cpu));
    let y = x.argmax(1, false);
    let mut model = Sequential::new([
        Input::new(4).into(),
        Dense::new(4).into(),
        Activation::softmax().into(),
    ])?;
    // Four batches of two, then validation in batches of 512: the sixth is the second of these.
    let x_val = Tensor::rand([2000, 4], (Kind::Float, Device::Cpu));
    let y_val = x_val.argmax(1, false);
    model.compile(Interrupting(0.into()), Adam::new(), ["acc"])?;
    let fit = model.fit(&x, &y).validation_data(&x_val, &y_val);
    let error = fit.batch_size(2).verbose(0).run().expect_err("interrupted");
    assert!(
        error
            .to_string()
            .contains("in epoch 1 of 1 after batch 4 of 4"),
        "{error}"
    );
    assert!(model.history().epochs().is_empty());
    assert!(!interrupt::requested());

    model.compile(Interrupting(4.into()), Adam::new(), ["acc"])?;
    let error = model.evaluate(&x_val, &y_val).expect_err("interrupted");
    assert!(error.is_interrupt());
    interrupt_this_process();
    assert!(model.predict(&x).is_err_and(|error| error.is_interrupt()));
    assert_eq!(model.predict(&x)?.shape(), (8, 4));
    Ok(())
}

#[test]
fn a_loop_with_a_bar_can_be_stopped() {
    let _alone = ALONE.lock();
    torchbook_child_start();
    torchbook_begin_cell();
    let mut turns = 0;
    let stopped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        for turn in progress(0..10) {
            turns += 1;
            if turn == 2 {
                interrupt_this_process();
            }
        }
    }));
    assert!(stopped.is_err());
    assert_eq!(turns, 3);
    assert!(!interrupt::requested());
    assert_eq!(progress(0..10).count(), 10);
}

#[test]
fn a_loop_of_ones_own_stops_before_a_step_of_the_optimizer() -> Result<()> {
    let _alone = ALONE.lock();
    torchbook_child_start();
    torchbook_begin_cell();
    let weight = Tensor::from_slice(&[1.0f32]).set_requires_grad(true);
    let mut optimizer = SGD::new().learning_rate(0.5);
    let mut steps = 0;
    let stopped = loop {
        let loss = (&weight * &weight).sum(Kind::Float);
        let gradients = Tensor::run_backward(&[loss], &[&weight], false, false);
        if steps == 2 {
            interrupt_this_process();
        }
        match optimizer.apply(std::slice::from_ref(&weight), &gradients) {
            Ok(()) => steps += 1,
            Err(error) => break error,
        }
    };
    assert!(stopped.is_interrupt());
    assert_eq!((steps, optimizer.iterations()), (2, 2));

    let mut model = Sequential::new([Input::new(1).into(), Dense::new(1).into()])?;
    model.compile("mse", "sgd", ["mae"])?;
    let x = Tensor::from_slice(&[1.0f32]).reshape([1, 1]);
    interrupt_this_process();
    let stopped = model.train_on_batch(&x, &x).expect_err("interrupted");
    assert!(stopped.is_interrupt());
    assert!(model.train_on_batch(&x, &x).is_ok());
    Ok(())
}

#[test]
fn reading_files_can_be_stopped() -> Result<()> {
    let _alone = ALONE.lock();
    torchbook_child_start();
    torchbook_begin_cell();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("numbers.csv");
    std::fs::write(&file, "a,b\n1,2\n3,4\n").expect("a file");
    interrupt_this_process();
    assert!(read_csv(&file).is_err_and(|error| error.is_interrupt()));
    assert!(read_csv(&file).is_ok());
    Ok(())
}

/// A loss of the user's that panics.
struct Panicking;

impl Loss for Panicking {
    fn name(&self) -> &'static str {
        "panicking"
    }

    fn values(&self, _: &Tensor, _: &ModelOutput) -> Result<Tensor> {
        panic!("on purpose")
    }

    fn check_targets(&self, _: &Tensor, _: &Shape, _: &str) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_panic_in_a_step_restores_the_gradient_mode() -> Result<()> {
    let _alone = ALONE.lock();
    let x = Tensor::rand([8, 1], (Kind::Float, Device::Cpu));
    let mut model = Sequential::new([Input::new(1).into(), Dense::new(1).into()])?;
    model.compile(Panicking, SGD::new(), ())?;
    let _guard = no_grad_guard();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        model.fit(&x, &x).verbose(0).run()
    }));
    assert!(panicked.is_err());
    // Still off, as the guard has left it.
    let weight = Tensor::ones([1], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    assert!(!(&weight * 2.0).requires_grad());
    Ok(())
}

#[test]
fn an_interrupt_is_taken_up_once_and_forgotten_by_the_next_cell() {
    let _alone = ALONE.lock();
    torchbook_child_start();
    torchbook_begin_cell();
    assert!(interrupt::check().is_ok());
    interrupt_this_process();
    assert!(interrupt::requested());
    assert!(interrupt::check().is_err_and(|error| error.is_interrupt()));
    assert!(interrupt::check().is_ok());
    interrupt_this_process();
    torchbook_begin_cell();
    assert!(!interrupt::requested());
}

#[test]
fn the_interface_has_its_version_and_flushes_without_a_kernel() {
    let _alone = ALONE.lock();
    assert_eq!(torchbook_abi_version(), 2);
    print!("no newline");
    torchbook_flush();
    // An answer that nobody has asked for is no harm.
    let text = "late";
    // SAFETY: the pointer and the length are those of a string.
    unsafe { torchbook_input_reply(text.as_ptr(), text.len(), 0) };
    // SAFETY: null with length 0 is allowed.
    unsafe { torchbook_input_reply(std::ptr::null(), 0, 2) };
}

#[test]
fn a_loop_of_displays_or_figures_can_be_stopped() {
    let _alone = ALONE.lock();
    torchbook_child_start();
    torchbook_begin_cell();
    let images = Tensor::rand([1, 4, 4], (Kind::Float, Device::Cpu));
    let labels = Tensor::zeros([1], (Kind::Int64, Device::Cpu));
    interrupt_this_process();
    let error = show_grid(&images, &labels, 1).expect_err("interrupted");
    assert!(error.is_interrupt());
    interrupt_this_process();
    assert!(std::panic::catch_unwind(|| Rich::text("once more").display()).is_err());
    assert!(!interrupt::requested());
}
