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


content = {
    "made_with": {"keras": importlib.metadata.version("keras")},
    "Losses": classes(keras.losses),
    "Metrics": classes(keras.metrics),
    "Optimizers": classes(keras.optimizers),
    "Schedules": classes(keras.optimizers.schedules),
    "Datasets": sorted(name for name, value in vars(keras.datasets).items() if inspect.ismodule(value)),
}
(HERE / "keras_api.json").write_text(json.dumps(content, indent=1) + "\n")
