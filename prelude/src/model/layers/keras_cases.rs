//! Every layer against Keras: output shapes, weights, outputs, gradients for inputs and weights.
//!
//! The numbers are in tests/reference/layer_cases.json; layers.py beside it makes them and has the
//! same formula for inputs and weights.

use serde_json::Value;
use tch::{Device, Kind, Tensor};

use super::registry::CLASSES;
use crate::model::any_layer::AnyLayer;
use crate::{Error, Mode, Result, Shape, TensorExt, Weight};

const TOLERANCE: f64 = 1e-5;

fn cases() -> Vec<Value> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/reference/layer_cases.json"
    );
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let file: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    file["cases"].as_array().cloned().unwrap_or_default()
}

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_f64)
        .collect()
}

fn shape(value: &Value) -> Shape {
    numbers(value)
        .iter()
        .map(|&axis| axis as i64)
        .collect::<Vec<i64>>()
        .into()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn batch(sample: &Shape) -> Shape {
    [&[2], &**sample].concat().into()
}

/// Numbers from -1 to 1 without a pattern.
fn values(shape: &Shape, which: usize) -> Tensor {
    let number = |i: i64| (12.9898 * (i + 1) as f64 + 78.233 * which as f64).sin() as f32;
    let data: Vec<f32> = (0..shape.numel()).map(number).collect();
    Tensor::from_slice(&data).reshape(&**shape)
}

fn weight_values(name: &str, shape: &Shape, which: usize) -> Tensor {
    let numbers = values(shape, which);
    match name.contains("variance") {
        true => numbers.abs() + 0.5,
        false => numbers * 0.5,
    }
}

/// Keras's inputs of a case.
fn inputs(case: &Value) -> Vec<Tensor> {
    let input = |(i, sample): (usize, &Value)| {
        let shape = batch(&shape(sample));
        match case["integers"].as_i64() {
            Some(limit) => {
                let counted = Tensor::arange(shape.numel(), (Kind::Int64, Device::Cpu));
                ((counted * 7 + 3).remainder(limit))
                    .reshape(&*shape)
                    .to_float32()
            }
            None => values(&shape, 100 + i).set_requires_grad(true),
        }
    };
    list(&case["inputs"])
        .iter()
        .enumerate()
        .map(input)
        .collect()
}

/// What is wrong with `actual`, if it is not `expected`.
fn compare(what: &str, actual: &Tensor, expected: &Value, problems: &mut Vec<String>) {
    let expected = Tensor::from_slice(&numbers(expected));
    let actual = actual.to_device(Device::Cpu).to_float64().detach();
    if actual.numel() != expected.numel() {
        problems.push(format!(
            "{what}: {} numbers instead of {}",
            actual.numel(),
            expected.numel()
        ));
        return;
    }
    let actual = actual.reshape([-1]);
    let error = ((&actual - &expected).abs() / expected.abs().clamp_min(1.0))
        .max()
        .double_value(&[]);
    // Not a number is wrong, too.
    if !matches!(
        error.partial_cmp(&TOLERANCE),
        Some(std::cmp::Ordering::Less)
    ) {
        problems.push(format!(
            "{what}: off by {error:.1e}: {:?} instead of {:?}",
            first(&actual),
            first(&expected)
        ));
    }
}

fn first(numbers: &Tensor) -> Vec<f64> {
    Vec::try_from(numbers.narrow(0, 0, numbers.size()[0].min(6))).unwrap_or_default()
}

fn check(case: &Value, problems: &mut Vec<String>) -> Result<()> {
    let config = case["config"].as_object().cloned().unwrap_or_default();
    let layer = AnyLayer::from_config(case["class"].as_str().unwrap_or_default(), &config)?;
    layer.join()?;
    let samples: Vec<Shape> = list(&case["inputs"]).iter().map(shape).collect();
    let expected: Vec<Shape> = list(&case["output_shapes"]).iter().map(shape).collect();
    let shapes = layer.build(&samples, Device::Cpu)?;
    if shapes != expected {
        problems.push(format!("output shapes {shapes:?} instead of {expected:?}"));
    }

    let weights = layer.weights();
    let prefix = format!("{}/", layer.name());
    let named = |weight: &Weight| -> Result<(String, Shape)> {
        let path = weight.path();
        Ok((
            path.strip_prefix(&prefix).unwrap_or(&path).to_owned(),
            weight.to_keras()?.shape(),
        ))
    };
    let actual: Vec<(String, Shape)> = weights.iter().map(named).collect::<Result<_>>()?;
    let of_keras = |weight: &Value| {
        (
            weight[0].as_str().unwrap_or_default().to_owned(),
            shape(&weight[1]),
        )
    };
    let expected: Vec<(String, Shape)> = list(&case["weights"]).iter().map(of_keras).collect();
    if actual != expected {
        problems.push(format!("weights {actual:?} instead of {expected:?}"));
        return Ok(());
    }
    let trainable: Vec<bool> = weights.iter().map(Weight::is_trainable).collect();
    if serde_json::json!(trainable) != case["trainable"] || layer.count_params() != case["count"] {
        problems.push(format!(
            "trainable {trainable:?}, {} parameters",
            layer.count_params()
        ));
    }
    for (i, (weight, (_, shape))) in weights.iter().zip(&expected).enumerate() {
        weight.set_from_keras(&weight_values(weight.name(), shape, 1 + i))?;
    }

    let inputs = inputs(case);
    let mode = match case["training"].as_bool() {
        Some(true) => Mode::Train,
        _ => Mode::Evaluate,
    };
    let outputs = layer.forward_to_logits(&inputs, mode)?;
    let outputs: Vec<Tensor> = outputs
        .iter()
        .map(|output| output.activated())
        .collect::<Result<_>>()?;
    let expected = list(&case["outputs"]);
    if outputs.len() != expected.len() {
        problems.push(format!("{} outputs", outputs.len()));
    }
    let mut loss = Tensor::from(0.0f32);
    for (i, (output, expected)) in outputs.iter().zip(expected).enumerate() {
        if output.shape() != batch(&shapes[i]) {
            problems.push(format!(
                "output {i} is of shape {} and not of {}",
                output.shape(),
                batch(&shapes[i])
            ));
        }
        compare(&format!("output {i}"), output, expected, problems);
        loss += (output * values(&output.shape(), 200 + i)).sum(Kind::Float);
    }

    let trained: Vec<&Weight> = weights
        .iter()
        .filter(|weight| weight.is_trainable())
        .collect();
    let expected: Vec<&Value> = list(&case["input_gradients"])
        .iter()
        .chain(list(&case["weight_gradients"]))
        .collect();
    let variables: Vec<Tensor> = match case["integers"].is_null() {
        true => inputs.iter().map(Tensor::shallow_clone).collect(),
        false => Vec::new(),
    };
    let gradients_of_inputs = variables.len();
    let variables: Vec<Tensor> = variables
        .into_iter()
        .chain(trained.iter().map(|weight| weight.tensor().shallow_clone()))
        .collect();
    if variables.len() != expected.len() {
        problems.push(format!(
            "{} gradients instead of {}",
            variables.len(),
            expected.len()
        ));
    }
    let gradients = Tensor::f_run_backward(&[loss], &variables, false, false)?;
    for (i, (gradient, expected)) in gradients.iter().zip(expected).enumerate() {
        match i
            .checked_sub(gradients_of_inputs)
            .and_then(|i| trained.get(i))
        {
            None => compare(
                &format!("gradient of input {i}"),
                gradient,
                expected,
                problems,
            ),
            Some(weight) => {
                let gradient = weight.in_keras_order(gradient)?;
                compare(
                    &format!("gradient of {}", weight.name()),
                    &gradient,
                    expected,
                    problems,
                );
            }
        }
    }
    let frozen = weights.iter().filter(|weight| !weight.is_trainable());
    for (weight, expected) in frozen.zip(list(&case["weights_after"])) {
        compare(
            &format!("{} after a step", weight.name()),
            &weight.to_keras()?,
            expected,
            problems,
        );
    }
    Ok(())
}

#[test]
fn every_layer_equals_kerass() {
    let mut wrong = Vec::new();
    let cases = cases();
    assert!(cases.len() > 120, "only {} cases", cases.len());
    for case in &cases {
        let mut problems = Vec::new();
        if let Err(error) = check(case, &mut problems) {
            problems.push(error.to_string());
        }
        if !problems.is_empty() {
            wrong.push(format!(
                "{} {}:\n  {}",
                case["class"],
                case["config"],
                problems.join("\n  ")
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} cases:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_layer_has_a_case() {
    let cases = cases();
    for class in CLASSES.iter().filter(|class| class.name != "InputLayer") {
        assert!(
            cases.iter().any(|case| case["class"] == class.name),
            "no case for {}",
            class.name
        );
    }
}

/// A layer can be described and built again, with each of its arguments.
#[test]
fn every_layer_is_built_again_from_its_config() -> Result<()> {
    for case in cases() {
        let class = case["class"].as_str().unwrap_or_default();
        let config = case["config"].as_object().cloned().unwrap_or_default();
        let layer = AnyLayer::from_config(class, &config)?;
        let described = layer.config().ok_or_else(|| Error::InvalidArgument {
            place: class.to_owned(),
            expected: "a config".into(),
            received: "none".into(),
        })?;
        for (key, value) in &config {
            let same = &described[key] == value
                || described[key].as_f64() == value.as_f64() && value.is_number();
            assert!(
                same || key == "layer" || class == "Reshape",
                "{class}: {key} is {} and not {value}",
                described[key]
            );
        }
        assert_eq!(
            AnyLayer::from_config(class, &described)?.config(),
            Some(described),
            "{class}"
        );
    }
    Ok(())
}

/// Nothing panics on shapes that make no sense: each layer answers with shapes or an error.
#[test]
fn no_layer_panics_on_any_shape() -> Result<()> {
    let shapes: [Shape; 8] = [
        ().into(),
        0.into(),
        3.into(),
        (0, 2).into(),
        (2, 3).into(),
        (1, 1, 1).into(),
        (4, 0, 2).into(),
        (2, 3, 4, 2).into(),
    ];
    for case in cases() {
        let class = case["class"].as_str().unwrap_or_default();
        let config = case["config"].as_object().cloned().unwrap_or_default();
        for shape in &shapes {
            for count in 0..4 {
                let layer = AnyLayer::from_config(class, &config)?;
                layer.join()?;
                let inputs = vec![shape.clone(); count];
                let Ok(outputs) = layer.build(&inputs, Device::Cpu) else {
                    continue;
                };
                // What was accepted can be computed.
                let tensors: Vec<Tensor> = inputs
                    .iter()
                    .map(|shape| Tensor::zeros(&*batch(shape), (Kind::Float, Device::Cpu)))
                    .collect();
                let computed = layer.forward_to_logits(&tensors, Mode::Train);
                let computed = computed.map_err(|error| Error::InvalidArgument {
                    place: format!("{class} {} on {count} of {shape}", case["config"]),
                    expected: "to be computed, since the shape was accepted".into(),
                    received: error.to_string(),
                })?;
                let computed: Vec<Shape> = computed
                    .iter()
                    .map(|output| output.values.shape())
                    .collect();
                let expected: Vec<Shape> = outputs.iter().map(batch).collect();
                assert_eq!(
                    computed, expected,
                    "{class} {} on {count} of {shape}",
                    case["config"]
                );
            }
        }
    }
    Ok(())
}
