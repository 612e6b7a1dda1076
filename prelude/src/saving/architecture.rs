//! Models as JSON, and models made of it: layers with their settings, and who is connected to whom.
//!
//! ```text
//! {"class_name": "Sequential", "config": {"name": …, "input_shape": [28, 28, 1], "layers": [LAYER, …]}}
//! {"class_name": "Functional", "config": {"name": …, "inputs": [{"name": …, "shape": […]}, …],
//!   "layers": [LAYER, …], "calls": [{"layer": "dense", "inputs": [PLACE, …]}, …], "outputs": [PLACE, …]}}
//! ```
//!
//! A LAYER has a class name and a config, as Keras has them. A PLACE is `[n, k]`: output `k` of the
//! n-th of all inputs and, after them, calls.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::config::{class_name, unknown_class};
use crate::model::any_layer::AnyLayer;
use crate::model::functional::Model;
use crate::model::graph::{SymbolicTensor, Symbols};
use crate::model::network::Network;
use crate::model::sequential::Sequential;
use crate::{Error, Input, Result, Shape};

/// A sequence of layers behind an input.
pub(crate) fn of_sequential(model: &Sequential) -> Result<Value> {
    let layers: Result<Vec<Value>> = model.layers().iter().map(of_layer).collect();
    Ok(json!({
        "class_name": "Sequential",
        "config": {
            "name": model.name(),
            "input_shape": model.input_shape().map(|shape| shape.to_vec()),
            "layers": layers?,
        }
    }))
}

/// A graph: its layers, and their calls in an order in which they can be made again.
pub(crate) fn of_graph(model: &Model) -> Result<Value> {
    let nodes: Vec<_> = model.nodes().collect();
    let inputs = model.inputs();
    let place = |symbol: &SymbolicTensor| -> Result<Value> {
        if let Some(n) = inputs.iter().position(|input| input.is(symbol)) {
            return Ok(json!([n, 0]));
        }
        let call = nodes
            .iter()
            .position(|node| Arc::ptr_eq(node, symbol.node()));
        let call =
            call.ok_or_else(|| broken("a graph whose parts are all in the model", symbol))?;
        Ok(json!([inputs.len() + call, symbol.index()]))
    };
    let places = |symbols: &[SymbolicTensor]| symbols.iter().map(place).collect::<Result<Vec<_>>>();
    let mut calls = Vec::new();
    let mut layers: Vec<AnyLayer> = Vec::new();
    for node in &nodes {
        calls.push(json!({ "layer": node.layer.name(), "inputs": places(&node.inputs)? }));
        if !layers.iter().any(|layer| layer.is(&node.layer)) {
            layers.push(node.layer.clone());
        }
    }
    let layers: Result<Vec<Value>> = layers.iter().map(of_layer).collect();
    let inputs: Vec<Value> = inputs
        .iter()
        .map(|input| json!({ "name": input.node().layer.name(), "shape": input.shape().to_vec() }))
        .collect();
    Ok(json!({
        "class_name": "Functional",
        "config": {
            "name": model.name(),
            "inputs": inputs,
            "layers": layers?,
            "calls": calls,
            "outputs": places(model.outputs())?,
        }
    }))
}

fn of_layer(layer: &AnyLayer) -> Result<Value> {
    let (class, name) = (layer.class_name(), layer.name());
    let mut config = layer.config().ok_or_else(|| Error::NotSaveable {
        what: format!("the layer `{name}` ({class})"),
        remedy: "save_weights keeps the weights; build the model in code and call load_weights"
            .into(),
    })?;
    config.insert("name".to_owned(), json!(name));
    config.insert("trainable".to_owned(), json!(layer.is_trainable()));
    Ok(json!({ "class_name": class, "config": config }))
}

/// The model that was described, of either kind.
pub(super) fn model(described: &Value) -> Result<Model> {
    match class_name(described) {
        Some("Functional") => graph(described),
        Some("Sequential") => {
            let config = &described["config"];
            let input = Input::new(shape(config, "input_shape")?);
            let mut symbol = first((&input).symbols()?)?;
            for described in list(config, "layers")? {
                symbol = layer(described)?.call(&symbol)?;
            }
            let model = Model::new(&input, &symbol)?;
            Ok(model.with_name(text(config, "name")?))
        }
        _ => Err(unknown_class("model", described)),
    }
}

/// The model that was described, if it was a [`Sequential`].
pub(super) fn sequential(described: &Value) -> Result<Sequential> {
    if class_name(described) != Some("Sequential") {
        return Err(Error::InvalidArgument {
            place: "Sequential::load".into(),
            expected: "a file with a Sequential".into(),
            received: format!(
                "a {} model: load it with load_model",
                class_name(described).unwrap_or("strange")
            ),
        });
    }
    let config = &described["config"];
    let mut model = Sequential::new([])?.with_name(text(config, "name")?);
    if !config["input_shape"].is_null() {
        model.add(Input::new(shape(config, "input_shape")?))?;
    }
    for described in list(config, "layers")? {
        model.add(layer(described)?)?;
    }
    Ok(model)
}

fn graph(described: &Value) -> Result<Model> {
    let config = &described["config"];
    let mut layers: HashMap<String, AnyLayer> = HashMap::new();
    for described in list(config, "layers")? {
        let layer = layer(described)?;
        layers.insert(layer.name(), layer);
    }
    // What each input and each call has given, in the order that places count.
    let mut given: Vec<Vec<SymbolicTensor>> = Vec::new();
    for described in list(config, "inputs")? {
        let input = Input::new(shape(described, "shape")?).name(text(described, "name")?);
        given.push((&input).symbols()?);
    }
    let inputs: Vec<SymbolicTensor> = given.iter().flatten().cloned().collect();
    for call in list(config, "calls")? {
        let name = text(call, "layer")?;
        let layer = layers
            .get(name)
            .ok_or_else(|| broken("a layer of the model", name))?;
        let arguments = symbols(&given, list(call, "inputs")?)?;
        given.push(layer.call_all(&arguments)?);
    }
    let outputs = symbols(&given, list(config, "outputs")?)?;
    Ok(Model::new(&inputs, &outputs)?.with_name(text(config, "name")?))
}

/// The layer that was described, which may be a model itself.
fn layer(described: &Value) -> Result<AnyLayer> {
    let class = class_name(described).unwrap_or_default();
    let config = described["config"].as_object();
    let layer: AnyLayer = match class {
        "Sequential" => sequential(described)?.into(),
        "Functional" => graph(described)?.into(),
        _ => {
            let config = config.ok_or_else(|| broken("settings of a layer", described))?;
            AnyLayer::from_config(class, config)?
        }
    };
    if described["config"]["trainable"] == json!(false) {
        layer.set_trainable(false);
    }
    Ok(layer)
}

fn symbols(given: &[Vec<SymbolicTensor>], places: &[Value]) -> Result<Vec<SymbolicTensor>> {
    let symbol = |place: &Value| {
        let part = |i: usize| place.get(i).and_then(Value::as_u64).map(|n| n as usize);
        let found = part(0).zip(part(1)).and_then(|(n, k)| given.get(n)?.get(k));
        found
            .cloned()
            .ok_or_else(|| broken("the place of an earlier output", place))
    };
    places.iter().map(symbol).collect()
}

fn first(symbols: Vec<SymbolicTensor>) -> Result<SymbolicTensor> {
    let first = symbols.into_iter().next();
    first.ok_or_else(|| broken("an input", "none"))
}

fn list<'a>(config: &'a Value, key: &str) -> Result<&'a [Value]> {
    let found = config.get(key).and_then(Value::as_array);
    found
        .map(Vec::as_slice)
        .ok_or_else(|| broken(&format!("a list `{key}`"), config))
}

fn text<'a>(config: &'a Value, key: &str) -> Result<&'a str> {
    let found = config.get(key).and_then(Value::as_str);
    found.ok_or_else(|| broken(&format!("a text `{key}`"), config))
}

fn shape(config: &Value, key: &str) -> Result<Shape> {
    let axes: Option<Vec<i64>> = list(config, key)?.iter().map(Value::as_i64).collect();
    let axes = axes.ok_or_else(|| broken(&format!("a shape `{key}`"), config))?;
    Ok(Shape::from(axes))
}

fn broken(expected: &str, received: impl std::fmt::Debug) -> Error {
    Error::InvalidArgument {
        place: "load_model: architecture".into(),
        expected: expected.to_owned(),
        received: format!("{received:?}"),
    }
}
