"""Weights that Keras has saved, and what its models compute with them.

    python keras_weights.py     # writes keras.weights.h5, keras.keras and keras_weights.json

The first model has several layers of a class in branches, a shared layer, a model inside and more layers
than one leaf of HDF5's trees has names. The second has layers whose weights lie in layers of their own; it
was trained before it was saved, so the state of an optimizer is in its file.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from keras import layers
from reference_file import HERE, write

random = np.random.RandomState(0)


def set_all_weights(model):
    """All different: what is read into the wrong place changes the outputs. A variance is positive."""
    lowest = {w.path: 0.5 if "variance" in w.path else -0.9 for w in model.weights}
    model.set_weights([random.uniform(lowest[w.path], 0.9, w.shape) for w in model.weights])


def branches():
    image, numbers = keras.Input((6, 5, 2)), keras.Input((2,))
    left = layers.Conv2D(3, 3, padding="same")(image)
    right = layers.Conv2D(3, 3, padding="same", name="right")(image)
    x = layers.BatchNormalization()(layers.Concatenate()([left, right]))
    x = layers.SeparableConv2D(4, 2)(x)
    x = layers.DepthwiseConv2D(2, depth_multiplier=2)(x)
    x = layers.Conv2DTranspose(2, 2)(x)
    x = layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(x))
    shared = layers.Dense(3, name="shared")
    inner = keras.Sequential([
        keras.Input((3,)), layers.Dense(4, "tanh"), layers.LayerNormalization(), layers.Dense(3),
    ])  # fmt: skip
    y = inner(layers.Add()([shared(x), shared(numbers)]))
    y = layers.Dense(3, "relu", name="last")(layers.PReLU()(y))
    return keras.Model([image, numbers], [layers.Dense(2)(x), y])


def sequence():
    words = keras.Input((5,))
    x = layers.TimeDistributed(layers.Dense(6))(layers.Embedding(9, 4)(words))
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x)
    x = layers.MultiHeadAttention(2, 3)(x, x)
    for layer in [
        layers.GRU(4, return_sequences=True), layers.SimpleRNN(3, return_sequences=True),
        layers.GroupNormalization(3), layers.RMSNormalization(), layers.Conv1D(2, 2), layers.Dropout(0.2),
        layers.Flatten(), layers.Dense(3, activation="softmax"),
    ]:  # fmt: skip
        x = layer(x)
    return keras.Model(words, x)


image, numbers = (random.normal(size=shape).astype("float32") for shape in [(4, 6, 5, 2), (4, 2)])
model = branches()
set_all_weights(model)
model.save_weights(HERE / "keras.weights.h5")
arrays = {"image": image, "numbers": numbers}
arrays |= {f"branch_{i}": y for i, y in enumerate(model.predict([image, numbers], verbose=0))}

words = random.randint(0, 9, (4, 5)).astype("float32")
model = sequence()
set_all_weights(model)
model.compile("sgd", "sparse_categorical_crossentropy")
model.fit(words, np.arange(4) % 3, verbose=0)
model.save(HERE / "keras.keras")
arrays |= {"words": words, "sequence": model.predict(words, verbose=0)}
write("keras_weights", arrays, ["keras", "jax", "h5py", "numpy"])
