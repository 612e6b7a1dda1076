//! Optimizers and schedules against Keras's numbers, step by step, and their state.

use super::*;
use crate::testing::{Reference, close, reference};
use crate::*;

const STEPS: usize = 5;

fn parameters(reference: &Reference) -> Vec<Tensor> {
    ["vector", "matrix"]
        .map(|name| reference.tensor(name))
        .into()
}

fn gradients(reference: &Reference, step: usize) -> Vec<Tensor> {
    ["vector", "matrix"]
        .map(|name| reference.tensor(&format!("gradient_{name}_{step}")))
        .into()
}

/// Five steps with gradients from 1e-9 to 10, so that epsilon's place shows. After the second the
/// optimizer is saved and loaded: nothing may change by that, not even in the last bit.
#[track_caller]
fn check(optimizer: impl Optimizer + 'static, name: &str) {
    let reference = reference("optimizers");
    let parameters = parameters(&reference);
    let mut optimizer: Box<dyn Optimizer> = Box::new(optimizer);
    for step in 1..=STEPS {
        let gradients = gradients(&reference, step);
        optimizer
            .apply(&parameters, &gradients)
            .expect("shapes fit");
        for (parameter, which) in parameters.iter().zip(["vector", "matrix"]) {
            let expected = reference.tensor(&format!("{name}/{which}_{step}"));
            close(parameter, &expected, 2e-6);
        }
        if step == 2 {
            let mut loaded = from_config(&optimizer.config().expect("plain")).expect("just saved");
            let state = optimizer.state().expect("plain");
            loaded
                .set_state(optimizer.iterations(), state)
                .expect("just saved");
            optimizer = loaded;
        }
    }
    let count = reference.number(&format!("{name}/count")) as i64;
    assert_eq!(
        (optimizer.state_count(), optimizer.iterations()),
        (count, STEPS as i64)
    );
    optimizer.finish(&parameters).expect("shapes fit");
    let finished = reference.tensor(&format!("{name}/vector_finished"));
    close(&parameters[0], &finished, 2e-6);
}

#[test]
fn gradient_descent_equals_kerass() {
    let sgd = || SGD::new().learning_rate(0.1);
    check(SGD::new(), "sgd");
    check(sgd().momentum(0.9), "sgd_momentum");
    check(sgd().momentum(0.9).nesterov(true), "sgd_nesterov");
}

#[test]
fn clipping_decay_schedules_and_averages_equal_kerass() {
    let sgd = || SGD::new().learning_rate(0.1);
    check(sgd().clipnorm(0.5), "sgd_clipnorm");
    check(sgd().clipvalue(0.3), "sgd_clipvalue");
    check(sgd().global_clipnorm(0.7), "sgd_global_clipnorm");
    check(sgd().weight_decay(0.05), "sgd_weight_decay");
    check(
        sgd().learning_rate(ExponentialDecay::new(0.1, 2, 0.5)),
        "sgd_schedule",
    );
    let averaged = sgd().use_ema(true).ema_momentum(0.8);
    check(averaged.ema_overwrite_frequency(2), "sgd_ema");
}

#[test]
fn adams_equal_kerass() {
    check(Adam::new(), "adam");
    let settings = Adam::new().learning_rate(0.01).beta_1(0.8).beta_2(0.99);
    check(settings.epsilon(1e-3), "adam_settings");
    let amsgrad = Adam::new().learning_rate(0.01).beta_2(0.5).amsgrad(true);
    check(amsgrad, "adam_amsgrad");
    check(AdamW::new().learning_rate(0.01), "adamw");
    check(Adamax::new().learning_rate(0.01), "adamax");
    check(Nadam::new().learning_rate(0.01), "nadam");
}

#[test]
fn scaled_steps_equal_kerass() {
    let rmsprop = || RMSprop::new().learning_rate(0.01);
    check(RMSprop::new(), "rmsprop");
    check(rmsprop().rho(0.8).momentum(0.9), "rmsprop_momentum");
    check(rmsprop().centered(true), "rmsprop_centered");
    check(
        rmsprop().centered(true).momentum(0.5),
        "rmsprop_centered_momentum",
    );
    check(Adagrad::new().learning_rate(0.1), "adagrad");
    check(Adadelta::new().learning_rate(1.0), "adadelta");
}

#[test]
fn schedules_equal_kerass_and_pytorchs() -> Result<()> {
    let reference = reference("optimizers");
    let steps: Vec<i64> = Vec::try_from(reference.tensor("schedule_steps").to_kind(Kind::Int64))?;
    let check = |schedule: Box<dyn LearningRateSchedule>, name: &str, steps: &[i64]| {
        let schedule = schedules::from_config(&schedule.config()?)?;
        let rates: Vec<f64> = steps.iter().map(|&step| schedule.at(step)).collect();
        let expected = reference.tensor(&format!("schedule/{name}"));
        close(
            &Tensor::from_slice(&rates).to_kind(Kind::Float),
            &expected,
            1e-7,
        );
        schedule.check()
    };
    macro_rules! check_all {
        ($($name:literal: $schedule:expr;)*) => {
            $(check(Box::new($schedule), $name, &steps)?;)*
        };
    }
    check_all! {
        "exponential": ExponentialDecay::new(0.1, 10, 0.9);
        "exponential_staircase": ExponentialDecay::new(0.1, 10, 0.9).staircase(true);
        "inverse_time": InverseTimeDecay::new(0.1, 10, 0.5);
        "inverse_time_staircase": InverseTimeDecay::new(0.1, 10, 0.5).staircase(true);
        "polynomial": PolynomialDecay::new(0.1, 100);
        "polynomial_settings": PolynomialDecay::new(0.1, 100).end_learning_rate(0.01).power(2.0);
        "polynomial_cycle": PolynomialDecay::new(0.1, 40).power(0.5).cycle(true);
        "piecewise": PiecewiseConstantDecay::new([10, 100], [0.1, 0.01, 0.001]);
        "cosine": CosineDecay::new(0.1, 100).alpha(0.1);
        "cosine_warmup": CosineDecay::new(0.01, 90).warmup(0.1, 10);
        "cosine_restarts": CosineDecayRestarts::new(0.1, 30).m_mul(0.9).alpha(0.1);
        "cosine_restarts_even": CosineDecayRestarts::new(0.1, 30).t_mul(1.0).m_mul(0.5);
    }
    let all: Vec<i64> = (0..100).collect();
    check(Box::new(OneCycle::new(0.1, 100)), "one_cycle", &all)
}

#[test]
fn the_state_is_counted_as_by_keras() -> Result<()> {
    let mut adam = Adam::new().learning_rate(0.1);
    assert_eq!(adam.state_count(), 0);
    let parameter = Tensor::zeros([3, 2], (Kind::Float, Device::Cpu));
    adam.apply(&[parameter.shallow_clone()], &[parameter.ones_like()])?;
    assert_eq!(adam.state_count(), 2 + 12);
    let names: Vec<String> = adam.state()?.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["momentum/0", "velocity/0"]);
    Ok(())
}

#[test]
fn a_step_needs_the_parameters_of_the_steps_before() -> Result<()> {
    let reference = reference("optimizers");
    let (all, gradients) = (parameters(&reference), gradients(&reference, 1));
    let mut adam = Adam::new();
    adam.apply(&all, &gradients)?;
    let error = adam
        .apply(&all[..1], &gradients[..1])
        .expect_err("one is missing");
    assert!(
        error.to_string().contains("expected 2 parameters"),
        "{error}"
    );
    let state = adam.state()?;
    let error = SGD::new().set_state(1, state).expect_err("another's state");
    assert!(error.to_string().contains("sgd: set_state"), "{error}");
    assert!(Adam::new().set_state(1, Vec::new()).is_err());
    Ok(())
}

#[test]
fn the_learning_rate_is_read_and_set_unless_a_schedule_decides() -> Result<()> {
    let mut sgd = SGD::new();
    sgd.set_learning_rate(0.5)?;
    assert_eq!(Optimizer::learning_rate(&sgd), 0.5);
    assert!(sgd.set_learning_rate(f64::NAN).is_err());
    let mut scheduled = SGD::new().learning_rate(ExponentialDecay::new(0.1, 10, 0.5));
    assert_eq!(Optimizer::learning_rate(&scheduled), 0.1);
    let error = scheduled.set_learning_rate(0.5).expect_err("as in Keras");
    assert!(
        error
            .to_string()
            .contains("one with the schedule ExponentialDecay"),
        "{error}"
    );
    Ok(())
}

#[track_caller]
fn refused(optimizer: impl Optimizer + 'static, part: &str) {
    let error = optimizer
        .into_optimizer()
        .err()
        .expect("settings make no sense");
    assert!(error.to_string().contains(part), "{error}");
}

#[test]
fn settings_that_make_no_sense_are_refused_by_compile() {
    let both = Adam::new().clipnorm(1.0).clipvalue(1.0);
    refused(
        both,
        "adam: clipping: expected one of clipnorm, clipvalue and global_clipnorm",
    );
    refused(
        Adam::new().clipvalue(-1.0),
        "expected a limit above 0, received -1",
    );
    refused(
        Adam::new().learning_rate(-0.1),
        "learning_rate: expected a number from 0",
    );
    refused(Adam::new().ema_momentum(2.0), "ema_momentum");
    let schedule = ExponentialDecay::new(0.1, 0, 0.5);
    refused(
        SGD::new().learning_rate(schedule),
        "decay_steps: expected at least 1, received 0",
    );
    let values = PiecewiseConstantDecay::new([1], [0.1]);
    refused(
        SGD::new().learning_rate(values),
        "one value more than boundaries",
    );
}

#[test]
fn optimizers_are_found_by_kerass_names() -> Result<()> {
    for name in [
        "sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "adamax", "nadam",
    ] {
        assert_eq!(name.into_optimizer()?.name(), name);
    }
    let error = "adm".into_optimizer().err().expect("misspelt");
    assert!(
        error.to_string().contains("did you mean `adam`?"),
        "{error}"
    );
    Ok(())
}

/// As in Keras: what `fit` leaves are the averages.
#[test]
fn averages_replace_the_weights_when_fit_ends() -> Result<()> {
    let x = Tensor::ones([8, 2], (Kind::Float, Device::Cpu));
    let y = Tensor::zeros([8, 1], (Kind::Float, Device::Cpu));
    let ones = [Tensor::ones([2, 1], (Kind::Float, Device::Cpu))];
    let fitted = |epochs: usize, optimizer: SGD| -> Result<f64> {
        let layer = Dense::new(1).use_bias(false);
        let mut model = Sequential::new([Input::new(2).into(), layer.into()])?;
        model.set_weights(&ones)?;
        model.compile("mse", optimizer, ())?;
        model.fit(&x, &y).epochs(epochs).verbose(0).run()?;
        Ok(model.get_weights()?[0].double_value(&[0, 0]))
    };
    // One batch is one step, and the first average is the weight after it.
    let (first, second) = (fitted(1, SGD::new())?, fitted(2, SGD::new())?);
    let averaged = fitted(2, SGD::new().use_ema(true).ema_momentum(0.75))?;
    assert!(
        (averaged - (0.75 * first + 0.25 * second)).abs() < 1e-6,
        "{averaged}"
    );
    Ok(())
}
