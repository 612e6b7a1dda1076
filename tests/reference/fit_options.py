"""What `compile` and `fit` of Keras make of weighted metrics, names of outputs and steps of validation.

    python fit_options.py       # writes fit_options.json

The models are spelled out again in prelude/src/training/fit/tests/options.rs. An array is the history of a key.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from keras import layers
from reference_file import write

random = np.random.RandomState(0)


def normal(*shape):
    return random.normal(size=shape).astype("float32")


def two_headed():
    x = keras.Input((4,))
    return keras.Model(x, [layers.Dense(3, activation="softmax", name="kind")(x), layers.Dense(1, name="price")(x)])


def one_headed():
    return keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="softmax", name="kind")])


x, kind, price = normal(12, 4), random.randint(0, 3, 12), normal(12, 1)
sample_weight = random.uniform(0, 3, 12).astype("float32")
validation = normal(7, 4), [random.randint(0, 3, 7), normal(7, 1)]
initial = [normal(4, 3), normal(3), normal(4, 1), normal(1)]
arrays = {"x": x, "kind": kind, "price": price, "sample_weight": sample_weight, "val_x": validation[0]}
arrays |= {"val_kind": validation[1][0], "val_price": validation[1][1]}
arrays |= {f"weight_{i}": weight for i, weight in enumerate(initial)}


def keep(name, history):
    arrays.update({f"{name}/{key}": values for key, values in history.history.items()})


def compiled(**options):
    model = two_headed()
    model.set_weights(initial)
    model.compile(
        keras.optimizers.SGD(0.05),
        {"price": "mse", "kind": "sparse_categorical_crossentropy"}, {"price": 0.5, "kind": 2.0},
        **options,
    )  # fmt: skip
    return model


fixed = dict(shuffle=False, verbose=0, batch_size=5, epochs=4)
model = compiled(metrics={"price": ["mae"]}, weighted_metrics={"price": ["mae", "mse"], "kind": ["acc"]})
keep("named", model.fit(x, [kind, price], sample_weight=sample_weight, validation_split=0.25, **fixed))
model = compiled()
steps = dict(validation_data=validation, validation_batch_size=3, validation_steps=2)
keep("steps", model.fit(x, [kind, price], **steps, **fixed))
model = compiled()
keep("own_size", model.fit(x, [kind, price], validation_data=validation, validation_steps=1, **fixed))

model = one_headed()
model.set_weights(initial[:2])
acc = "sparse_categorical_crossentropy"
model.compile("sgd", acc, metrics=["acc", acc, "acc"], weighted_metrics=["acc", "acc", acc])
keep("classes", model.fit(x, kind, class_weight={0: 0.5, 2: 4.0}, validation_data=(validation[0], validation[1][0]), **fixed))
write("fit_options", arrays, ["keras", keras.backend.backend(), "numpy"])
