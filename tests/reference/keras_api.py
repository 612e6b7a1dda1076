"""The public names of Keras that prelude/KERAS.md must account for.

    python keras_api.py         # writes keras_api.json
"""

import importlib.metadata
import inspect
import json
import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
from reference_file import HERE


def classes(module):
    return sorted(name for name, value in vars(module).items() if inspect.isclass(value) and not name.startswith("_"))


def arguments(function):
    """Without those that all layers have."""
    common = {"self", "args", "kwargs", "name", "dtype", "trainable"}
    return ", ".join(name for name in inspect.signature(function).parameters if name not in common)


def own_names(module):
    """Classes under their own names, without aliases such as Convolution2D and glorot_uniform."""
    return [name for name in classes(module) if getattr(module, name).__name__ == name]


content = {
    "made_with": {"keras": importlib.metadata.version("keras")},
    "Layers": own_names(keras.layers),
    "Layer arguments": {name: arguments(getattr(keras.layers, name).__init__) for name in own_names(keras.layers)},
    "Model arguments": {name: arguments(getattr(keras.Model, name)) for name in ["compile", "fit", "evaluate", "predict"]},
    "Initializers": own_names(keras.initializers),
    "Regularizers": own_names(keras.regularizers),
    "Activations": sorted(name for name, value in vars(keras.activations).items() if inspect.isfunction(value)),
    "Losses": classes(keras.losses),
    "Metrics": classes(keras.metrics),
    "Optimizers": classes(keras.optimizers),
    "Schedules": classes(keras.optimizers.schedules),
    "Datasets": sorted(name for name, value in vars(keras.datasets).items() if inspect.ismodule(value)),
}
(HERE / "keras_api.json").write_text(json.dumps(content, indent=1) + "\n")
