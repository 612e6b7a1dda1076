//! What several tests share: the founding notebook's model, and numbers from Keras in
//! tests/reference.

use serde_json::Value;
use tch::{Kind, Tensor};

use crate::*;

/// The model of the founding notebook.
pub(crate) fn founding_model() -> Result<Sequential> {
    Sequential::new([
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
    ])
}

/// Two inputs, a shared layer, a nested model, a join and two outputs.
pub(crate) fn branched_model() -> Result<Model> {
    let (image, age) = (
        Input::new((8, 8, 1)).name("image"),
        Input::new(1).name("age"),
    );
    let x = Conv2D::new(4, 3)
        .activation("relu")
        .name("conv")
        .call(&image)?;
    let x = Flatten::new().name("flat").call(&x)?;
    let shared = AnyLayer::new(Dense::new(5).name("shared"));
    let inner = Sequential::new([
        Input::new(5).into(),
        Dense::new(5).name("inner_dense").into(),
        BatchNormalization::new().name("inner_norm").into(),
    ])?
    .with_name("inner");
    let y = inner.call(&shared.call(&x)?)?;
    let x = Concatenate::new().name("join").call((&x, &age, &y))?;
    let class = Dense::new(3).activation("softmax").name("class").call(&x)?;
    let price = Dense::new(1)
        .name("price")
        .call(&Dropout::new(0.5).name("drop").call(&x)?)?;
    Model::new((&image, &age), (&class, &price))
}

/// Arrays by name, made by tests/reference/make_reference.py.
pub(crate) struct Reference(Value);

/// The arrays in tests/reference/`name`.json.
pub(crate) fn reference(name: &str) -> Reference {
    let text = reference_text(&format!("{name}.json"));
    Reference(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}")))
}

/// A file of tests/reference as text.
pub(crate) fn reference_text(name: &str) -> String {
    let path = reference_path(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The path of a file of tests/reference.
pub(crate) fn reference_path(name: &str) -> String {
    format!("{}/../tests/reference/{name}", env!("CARGO_MANIFEST_DIR"))
}

impl Reference {
    /// An array as 32-bit floats.
    #[track_caller]
    pub(crate) fn tensor(&self, name: &str) -> Tensor {
        let numbers = |key: &str| -> Vec<f64> {
            let list = self.0[name][key]
                .as_array()
                .unwrap_or_else(|| panic!("no array {name}"));
            list.iter().filter_map(Value::as_f64).collect()
        };
        let shape: Vec<i64> = numbers("shape").iter().map(|&axis| axis as i64).collect();
        Tensor::from_slice(&numbers("data"))
            .reshape(&shape)
            .to_kind(Kind::Float)
    }

    #[track_caller]
    pub(crate) fn number(&self, name: &str) -> f64 {
        self.tensor(name).double_value(&[])
    }

    /// A text.
    #[track_caller]
    pub(crate) fn text(&self, name: &str) -> &str {
        match self.0[name].as_str() {
            Some(text) => text,
            None => panic!("no text {name}"),
        }
    }

    /// Names of the arrays `{folder}/…`, without the folder, sorted.
    pub(crate) fn keys_in(&self, folder: &str) -> Vec<&str> {
        let names = self.0.as_object().into_iter().flatten();
        let mut keys: Vec<&str> = names
            .filter_map(|(name, _)| name.strip_prefix(folder)?.strip_prefix('/'))
            .collect();
        keys.sort_unstable();
        keys
    }

    /// Arrays `{stem}_0`, `{stem}_1`, … as far as they go.
    pub(crate) fn tensors(&self, stem: &str) -> Vec<Tensor> {
        let names = (0..).map(|i| format!("{stem}_{i}"));
        let known = names.take_while(|name| self.0.get(name).is_some());
        known.map(|name| self.tensor(&name)).collect()
    }
}

/// Equal within `tolerance`, relative to numbers above 1 and absolute below.
#[track_caller]
pub(crate) fn close(actual: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_eq!(actual.shape(), expected.shape());
    let _guard = no_grad_guard();
    let (actual, expected) = (actual.to_float64(), expected.to_float64());
    let error = (&actual - &expected).abs() / expected.abs().clamp_min(1.0);
    let largest = error.max().double_value(&[]);
    assert!(
        largest <= tolerance,
        "off by {largest}: {actual:?} instead of {expected:?}"
    );
}
