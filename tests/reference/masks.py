"""Models with masks as Keras computes them: outputs, losses and metrics that leave masked positions out, one step.

    python masks.py             # writes masks.json

Keras computes on JAX. The models are spelled out again in prelude/src/training/fit/tests/masks.rs.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from keras import layers
from reference_file import write

WORDS = np.array([[3, 1, 0, 5, 0, 0], [2, 6, 4, 1, 5, 3], [0, 0, 1, 0, 2, 0], [4, 4, 0, 0, 0, 0]], "float32")

def numbers(shape, seed):
    return np.random.RandomState(seed).normal(size=shape).astype("float32") * 0.5


def words():
    return keras.Input((6,)), layers.Embedding(7, 4, mask_zero=True)


def sequence():
    i, embedded = words()
    return keras.Model(i, layers.Dense(2)(layers.LSTM(3, return_sequences=True)(embedded(i))))


def pooled():
    i, embedded = words()
    x = layers.Bidirectional(layers.GRU(3, return_sequences=True))(embedded(i))
    x = layers.GlobalAveragePooling1D()(layers.BatchNormalization()(x))
    return keras.Model(i, layers.Dense(1, activation="sigmoid")(x))


def masking():
    i = keras.Input((5, 2))
    return keras.Model(i, layers.Dense(1)(layers.SimpleRNN(3, go_backwards=True)(layers.Masking()(i))))


def attention(causal):
    i, embedded = words()
    e = embedded(i)
    attended = layers.MultiHeadAttention(2, 3)(e, e, use_causal_mask=causal)
    # Without a residual connection: Keras's MultiHeadAttention takes the mask off its input on the way.
    return keras.Model(i, layers.Dense(3, activation="softmax")(layers.LayerNormalization()(attended)))


def nested():
    i, embedded = words()
    inner = keras.Sequential([keras.Input((6, 4)), layers.Dense(3), layers.GRU(2, return_sequences=True)])
    return keras.Model(i, layers.TimeDistributed(layers.Dense(1))(inner(embedded(i))))


def joined():
    i, embedded = words()
    e = embedded(i)
    x = layers.Concatenate(axis=1)([e, layers.Add()([e, layers.Dense(4)(e)])])
    return keras.Model(i, layers.Dense(2)(layers.LSTM(3, return_sequences=True, zero_output_for_mask=True)(x)))


series = numbers((4, 5, 2), 50)
series[0, 3:] = 0
series[2, :2] = 0
steps = np.arange(24).reshape(4, 6) % 3
CASES = {
    "sequence": (sequence(), WORDS, numbers((4, 6, 2), 60), "mse", "mae"),
    "pooled": (pooled(), WORDS, np.array([[0], [1], [1], [0]], "float32"), "binary_crossentropy", "binary_accuracy"),
    "masking": (masking(), series, numbers((4, 1), 61), "mse", "mae"),
    "attention": (attention(False), WORDS, steps, "sparse_categorical_crossentropy", "sparse_categorical_accuracy"),
    "causal": (attention(True), WORDS, steps, "sparse_categorical_crossentropy", "sparse_categorical_accuracy"),
    "nested": (nested(), WORDS, numbers((4, 6, 1), 62), "mae", "mse"),
    "joined": (joined(), WORDS, numbers((4, 12, 2), 63), "mse", "mae"),
}
arrays = {"words": WORDS, "series": series}
for name, (model, x, y, loss, metric) in CASES.items():
    weights = [np.abs(w) + 0.5 if "variance" in v.name else w
               for v, w in ((v, numbers(v.shape, 70 + i)) for i, v in enumerate(model.weights))]  # fmt: skip
    model.set_weights(weights)
    model.compile(keras.optimizers.SGD(0.1), loss, metrics=[metric])
    arrays[f"{name}_y"] = y
    arrays |= {f"{name}_weight_{i}": w for i, w in enumerate(weights)}
    arrays[f"{name}_predicted"] = model.predict(x, verbose=0)
    arrays[f"{name}_evaluated"] = model.evaluate(x, y, batch_size=4, verbose=0)
    fit = dict(batch_size=4, shuffle=False, verbose=0)
    arrays[f"{name}_learned"] = model.fit(x, y, **fit).history["loss"]
    arrays |= {f"{name}_after_{i}": w for i, w in enumerate(model.get_weights())}
    model.set_weights(weights)
    model.compile(keras.optimizers.SGD(0.1), loss)
    # One weight per sample, or per step: with masks Keras takes no weights of samples there.
    sample_weight = np.abs(numbers((4, *model.output_shape[1:-1]), 64))
    arrays[f"{name}_sample_weight"] = sample_weight
    arrays[f"{name}_weighted"] = model.fit(x, y, sample_weight=sample_weight, **fit).history["loss"]
    arrays |= {f"{name}_weighted_after_{i}": w for i, w in enumerate(model.get_weights())}
write("masks", arrays, ["keras", "jax", "numpy"])
