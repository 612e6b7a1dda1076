//! Recurrent layers: states, refusals, dropout, and one call of libtorch against single steps.

use super::*;
use crate::*;

#[test]
fn states_go_out_of_one_layer_and_into_another() -> Result<()> {
    let (question, answer) = (Input::new((5, 3)), Input::new((4, 2)));
    let encoded = AnyLayer::new(LSTM::new(6).return_state(true)).call_all(&question)?;
    let [_, h, c] = encoded.as_slice() else {
        panic!("{encoded:?}");
    };
    let decoded = LSTM::new(6).return_sequences(true).call((&answer, h, c))?;
    let model = Model::new((&question, &answer), &decoded)?;
    let options = (Kind::Float, Device::Cpu);
    let (x, y) = (
        Tensor::rand([2, 5, 3], options),
        Tensor::rand([2, 4, 2], options),
    );
    let first = model.predict((&x, &y))?;
    assert_eq!(first.shape(), (2, 4, 6));
    assert_ne!(
        first,
        model.predict((&(&x + 1.0), &y))?,
        "the question matters"
    );
    assert!(LSTM::new(6).call((&answer, h)).is_err());
    assert!(LSTM::new(7).call((&answer, h, c)).is_err());
    Ok(())
}

#[test]
fn what_cannot_be_a_sequence_is_refused() {
    assert!(LSTM::new(3).output_shape(&4.into()).is_err());
    assert!(GRU::new(0).output_shape(&(4, 2).into()).is_err());
    assert!(
        SimpleRNN::new(3)
            .dropout(1.5)
            .output_shape(&(4, 2).into())
            .is_err()
    );
    assert!(SimpleRNN::new(3).output_shape(&(0, 2).into()).is_err());
    assert!(
        SimpleRNN::new(3)
            .return_state(true)
            .output_shape(&(4, 2).into())
            .is_err()
    );
}

#[test]
fn dropout_belongs_to_training_only() -> Result<()> {
    let mut layer = GRU::new(8).dropout(0.5).recurrent_dropout(0.5);
    layer.build(&(6, 4).into(), Device::Cpu)?;
    let x = Tensor::rand([3, 6, 4], (Kind::Float, Device::Cpu));
    let evaluated = layer.forward(&x, Mode::Evaluate)?;
    assert_eq!(evaluated, layer.forward(&x, Mode::Evaluate)?);
    assert_ne!(evaluated, layer.forward(&x, Mode::Train)?);
    Ok(())
}
fn parts(walked: &Walked) -> Vec<Tensor> {
    let outputs = walked.outputs.iter().map(Tensor::shallow_clone);
    outputs
        .chain(walked.state.iter().map(Tensor::shallow_clone))
        .collect()
}

/// Numbers and gradients of both walks.
fn both_walks_agree<C: Cell + Layer>(mut layer: C) -> Result<()> {
    set_random_seed(5);
    layer.build(&(6, 4).into(), Device::Cpu)?;
    let mut weights: Vec<Tensor> = Layer::weights(&layer)
        .iter()
        .map(|w| w.tensor().shallow_clone())
        .collect();
    for weight in &weights {
        // Biases of zero would hide which gate they belong to.
        no_grad(|| weight.shallow_clone().f_uniform_(-0.5, 0.5).map(drop))?;
    }
    let random = |shape: &[i64]| Tensor::randn(shape, (Kind::Float, Device::Cpu));
    let x = random(&[3, 6, 4]).set_requires_grad(true);
    let state: Vec<Tensor> = (0..C::STATES)
        .map(|_| random(&[3, layer.units()]))
        .collect();
    weights.push(x.shallow_clone());
    let walked = [
        step_by_step(
            &layer,
            &x,
            state.iter().map(Tensor::shallow_clone).collect(),
            None,
            None,
        )?,
        layer.at_once(&x, &state)?.expect("libtorch computes it"),
    ];
    let mut numbers = Vec::new();
    for walked in &walked {
        let mut all = parts(walked);
        let sum = all.iter().fold(Tensor::from(0f32), |sum, part| {
            sum + part.square().sum(None)
        });
        all.extend(Tensor::f_run_backward(&[sum], &weights, false, false)?);
        numbers.push(all);
    }
    assert_eq!(numbers[0].len(), numbers[1].len());
    for (by_steps, at_once) in numbers[0].iter().zip(&numbers[1]) {
        testing::close(at_once, by_steps, 1e-5);
    }
    Ok(())
}

#[test]
fn one_call_computes_what_single_steps_do() -> Result<()> {
    for bias in [true, false] {
        both_walks_agree(LSTM::new(5).use_bias(bias).return_sequences(true))?;
        both_walks_agree(GRU::new(5).use_bias(bias).return_sequences(true))?;
        both_walks_agree(SimpleRNN::new(5).use_bias(bias).return_sequences(true))?;
        let relu = SimpleRNN::new(5).use_bias(bias).activation("relu");
        both_walks_agree(relu.return_sequences(true))?;
    }
    Ok(())
}

#[test]
fn what_libtorch_does_not_compute_goes_step_by_step() -> Result<()> {
    let x = Tensor::rand([2, 3, 4], (Kind::Float, Device::Cpu));
    let state = Tensor::zeros([2, 5], (Kind::Float, Device::Cpu));
    let one = std::slice::from_ref(&state);
    let mut gru = GRU::new(5).reset_after(false);
    gru.build(&(3, 4).into(), Device::Cpu)?;
    assert!(gru.at_once(&x, one)?.is_none());
    let mut lstm = LSTM::new(5).recurrent_activation("hard_sigmoid");
    lstm.build(&(3, 4).into(), Device::Cpu)?;
    assert!(
        lstm.at_once(&x, &[state.shallow_clone(), state.shallow_clone()])?
            .is_none()
    );
    let mut rnn = SimpleRNN::new(5).activation("elu");
    rnn.build(&(3, 4).into(), Device::Cpu)?;
    assert!(rnn.at_once(&x, one)?.is_none());
    Ok(())
}

#[test]
fn a_mask_that_hides_nothing_changes_nothing() -> Result<()> {
    let mut layer = LSTM::new(5).return_sequences(true).go_backwards(true);
    layer.build(&(6, 4).into(), Device::Cpu)?;
    let x = Tensor::randn([2, 6, 4], (Kind::Float, Device::Cpu));
    let shown = Tensor::ones([2, 6], (Kind::Bool, Device::Cpu));
    let masked = layer.forward_masked(std::slice::from_ref(&x), &[Some(shown)], Mode::Evaluate)?;
    testing::close(&masked[0].values, &layer.forward(&x, Mode::Evaluate)?, 1e-5);
    assert!(masked[0].mask.is_some());
    Ok(())
}

#[test]
fn sequences_are_learned_in_mixed_precision_too() -> Result<()> {
    let model = || -> Result<Sequential> {
        let mut model = Sequential::new([
            Input::new(6).into(),
            Embedding::new(9, 4).into(),
            LSTM::new(5).return_sequences(true).into(),
            MultiHeadAttention::new(2, 3).into(),
            Bidirectional::new(GRU::new(5).return_sequences(true)).into(),
            SimpleRNN::new(3).into(),
        ])?;
        model.compile("mse", "adam", ())?;
        Ok(model)
    };
    let mut full = model()?;
    mixed_precision::set_global_policy("mixed_bfloat16")?;
    let mut mixed = model()?;
    mixed_precision::set_global_policy("float32")?;
    mixed.set_weights(&full.get_weights()?)?;
    let x = Tensor::randint(9, [8, 6], (Kind::Int64, Device::Cpu));
    let y = Tensor::rand([8, 3], (Kind::Float, Device::Cpu));
    testing::close(&mixed.predict(&x)?, &full.predict(&x)?, 3e-2);
    let learned = |model: &mut Sequential| -> Result<f64> {
        Ok(model.fit(&x, &y).epochs(3).verbose(0).run()?["loss"][2])
    };
    assert!((learned(&mut mixed)? - learned(&mut full)?).abs() < 3e-2);
    Ok(())
}
