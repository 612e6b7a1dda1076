//! Forward passes against Keras's numbers, for weights that Keras has had, too.

use super::convolution::conv2d::Conv2D;
use super::*;
use crate::testing::{Reference, close, reference};

#[track_caller]
fn check(
    mut layer: impl Layer,
    mode: Mode,
    reference: &Reference,
    input: &str,
    weights: &[&str],
    output: &str,
) {
    let input = reference.tensor(input);
    layer
        .build(&input.size()[1..].into(), Device::Cpu)
        .expect("the input fits");
    for (weight, name) in layer.weights().into_iter().zip(weights) {
        weight
            .set_from_keras(&reference.tensor(name))
            .expect("the shape fits");
    }
    let computed = layer.forward(&input, mode).expect("the input fits");
    close(&computed, &reference.tensor(output), 1e-5);
}

#[test]
fn convolutions_equal_kerass() {
    let reference = reference("layers");
    for (name, input, layer) in [
        (
            "conv_valid",
            "images",
            Conv2D::new(4, (3, 2)).strides((2, 1)),
        ),
        (
            "conv_same",
            "images",
            Conv2D::new(4, (3, 2)).strides(2).padding(Padding::Same),
        ),
        ("conv_grey", "grey", Conv2D::new(4, 5).strides(2)),
    ] {
        let weights = [format!("{name}_kernel"), format!("{name}_bias")];
        let weights = [weights[0].as_str(), weights[1].as_str()];
        check(
            layer,
            Mode::Train,
            &reference,
            input,
            &weights,
            &format!("{name}_output"),
        );
    }
}

#[test]
fn dense_equals_kerass() {
    let weights = ["dense_kernel", "dense_bias"];
    let reference = reference("layers");
    check(
        Dense::new(4),
        Mode::Train,
        &reference,
        "dense_input",
        &weights,
        "dense_output",
    );
}

#[test]
fn batch_normalization_equals_kerass_in_both_modes() -> Result<()> {
    let reference = reference("layers");
    for name in ["norm_images", "norm_vectors"] {
        let tensor = |part: &str| reference.tensor(&format!("{name}_{part}"));
        let mut layer = BatchNormalization::new();
        layer.build(&3.into(), Device::Cpu)?;
        let parts = ["gamma", "beta", "mean", "variance"];
        for (weight, part) in layer.weights().into_iter().zip(parts) {
            weight.set_from_keras(&tensor(part))?;
        }
        let input = tensor("input");
        close(
            &layer.forward(&input, Mode::Evaluate)?,
            &tensor("evaluated"),
            1e-5,
        );
        close(
            &layer.forward(&input, Mode::Train)?,
            &tensor("trained"),
            1e-5,
        );
        let weights = layer.weights();
        close(weights[2].tensor(), &tensor("mean_after"), 1e-6);
        close(weights[3].tensor(), &tensor("variance_after"), 1e-6);
    }
    Ok(())
}

#[test]
fn activations_equal_kerass() {
    let reference = reference("layers");
    for name in [
        "relu", "sigmoid", "softmax", "tanh", "elu", "gelu", "silu", "softplus",
    ] {
        let output = format!("activation_{name}");
        check(
            Activation::new(name),
            Mode::Train,
            &reference,
            "activation_input",
            &[],
            &output,
        );
    }
}
