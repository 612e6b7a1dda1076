//! Settings as JSON in Keras's form: `{"class_name": "Dense", "config": {"units": 10, …}}`.
//!
//! Layers, losses, metrics, optimizers and schedules derive serde's traits for their settings;
//! what is here puts the class beside them and finds it again.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{Error, Result};

/// Class and settings of `value`.
pub(crate) fn class_config<T: Serialize>(class: &str, value: &T) -> Result<Value> {
    let config = serde_json::to_value(value).map_err(|error| Error::NotSaveable {
        what: class.to_owned(),
        remedy: error.to_string(),
    })?;
    Ok(json!({ "class_name": class, "config": config }))
}

/// A value of `T` from what [`class_config`] made, or `None` if it was made for another class.
///
/// # Errors
/// [`Error::InvalidArgument`] if the settings are not those of the class.
pub(crate) fn from_class<T: DeserializeOwned>(config: &Value, class: &str) -> Result<Option<T>> {
    if class_name(config) != Some(class) {
        return Ok(None);
    }
    let settings = config.get("config").cloned().unwrap_or_else(|| json!({}));
    match serde_json::from_value(settings) {
        Ok(value) => Ok(Some(value)),
        Err(error) => Err(Error::InvalidArgument {
            place: format!("load_model: {class}"),
            expected: "the settings that this version of the class writes".into(),
            received: error.to_string(),
        }),
    }
}

pub(crate) fn class_name(config: &Value) -> Option<&str> {
    config.get("class_name").and_then(Value::as_str)
}

/// What to say about a class that no list contains.
pub(crate) fn unknown_class(what: &'static str, config: &Value) -> Error {
    Error::InvalidArgument {
        place: "load_model".into(),
        expected: format!("a {what} of this version of torchbook"),
        received: class_name(config).map_or_else(|| config.to_string(), str::to_owned),
    }
}
