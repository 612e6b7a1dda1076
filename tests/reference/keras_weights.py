"""Weights that Keras has saved in a `.keras` file, converted as KERAS.md says, and the model's outputs.

    python keras_weights.py     # writes keras.safetensors and keras_weights.json
"""

import os
import tempfile

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
import safetensors.numpy
from keras import layers
from reference_file import HERE, write

model = keras.Sequential([
    keras.Input((6, 5, 2)), layers.Conv2D(3, (3, 2)), layers.BatchNormalization(), layers.Reshape((4, 12)),
    layers.Bidirectional(layers.GRU(2)), layers.Dense(3, activation="softmax"),
])  # fmt: skip
random = np.random.RandomState(0)
model.set_weights([random.uniform(0.1, 0.9, w.shape) for w in model.weights])
x = random.normal(size=(4, 6, 5, 2)).astype("float32")
write("keras_weights", {"x": x, "y": model.predict(x, verbose=0)}, ["keras", "jax", "safetensors", "numpy"])
with tempfile.TemporaryDirectory() as folder:
    model.save(f"{folder}/model.keras")
    model = keras.models.load_model(f"{folder}/model.keras")
weights = {f"{i:04}": weight for i, weight in enumerate(model.get_weights())}
safetensors.numpy.save_file(weights, HERE / "keras.safetensors")
