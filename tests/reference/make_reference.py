"""Makes the reference numbers that the prelude's tests compare with.

Run with Python 3.11, torch 2.11.0, keras 3.15.1 (on torch), scikit-learn and numpy:

    python make_reference.py

It writes layers.json, step.json, split.json and summary.txt beside itself. Everything is seeded;
running it again changes nothing.
"""

import hashlib
import json
import os
import pathlib

os.environ["KERAS_BACKEND"] = "torch"
os.environ["COLUMNS"] = "100"  # or Keras cuts its table to the terminal

import keras
import numpy as np
import sklearn
import torch
from keras import layers
from sklearn.model_selection import train_test_split

HERE = pathlib.Path(__file__).parent
VERSIONS = {
    "keras": keras.__version__,
    "torch": torch.__version__,
    "scikit-learn": sklearn.__version__,
    "numpy": np.__version__,
}
random = np.random.RandomState(0)


def array(value):
    value = np.asarray(value)
    return {"shape": list(value.shape), "data": [float(f"{x:.9g}") for x in value.reshape(-1).tolist()]}


def numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def write(name, arrays):
    content = {"made_with": VERSIONS} | {key: array(value) for key, value in arrays.items()}
    (HERE / f"{name}.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")


def normal(*shape):
    return random.normal(size=shape).astype("float32")


def layer_numbers():
    """Forward passes of single layers with given weights."""
    out = {}
    images = normal(2, 7, 6, 3)
    out["images"] = images
    for name, arguments in {
        "conv_valid": dict(strides=(2, 1)),
        "conv_same": dict(strides=2, padding="same"),
    }.items():
        layer = layers.Conv2D(4, (3, 2), **arguments)
        layer.build(images.shape)
        kernel, bias = normal(3, 2, 3, 4), normal(4)
        layer.set_weights([kernel, bias])
        out |= {f"{name}_kernel": kernel, f"{name}_bias": bias, f"{name}_output": numpy(layer(images))}

    grey = normal(2, 9, 9, 1)
    layer = layers.Conv2D(4, 5, strides=2)
    layer.build(grey.shape)
    kernel, bias = normal(5, 5, 1, 4), normal(4)
    layer.set_weights([kernel, bias])
    out |= {"grey": grey, "conv_grey_kernel": kernel, "conv_grey_bias": bias, "conv_grey_output": numpy(layer(grey))}

    x = normal(5, 3)
    layer = layers.Dense(4)
    layer.build(x.shape)
    kernel, bias = normal(3, 4), normal(4)
    layer.set_weights([kernel, bias])
    out |= {"dense_input": x, "dense_kernel": kernel, "dense_bias": bias, "dense_output": numpy(layer(x))}

    for name, x in {"norm_images": images, "norm_vectors": normal(5, 3) * 3 + 1}.items():
        layer = layers.BatchNormalization()
        layer.build(x.shape)
        gamma, beta, mean, variance = normal(3), normal(3), normal(3), np.abs(normal(3)) + 0.1
        layer.set_weights([gamma, beta, mean, variance])
        out |= {f"{name}_input": x, f"{name}_gamma": gamma, f"{name}_beta": beta}
        out |= {f"{name}_mean": mean, f"{name}_variance": variance}
        out[f"{name}_evaluated"] = numpy(layer(x, training=False))
        out[f"{name}_trained"] = numpy(layer(x, training=True))
        _, _, mean, variance = layer.get_weights()
        out |= {f"{name}_mean_after": mean, f"{name}_variance_after": variance}

    x = normal(3, 4) * 3
    out["activation_input"] = x
    for name in ["relu", "sigmoid", "softmax", "tanh", "elu", "gelu", "silu", "softplus"]:
        out[f"activation_{name}"] = numpy(keras.activations.get(name)(keras.ops.convert_to_tensor(x)))
    return out


def step_numbers():
    """A small model of the founding model's kind: loss, all gradients, all weights after one step of Adam."""
    model = keras.Sequential(
        [
            layers.Input((8, 8, 2)),
            layers.Conv2D(4, (3, 3), strides=(2, 2)),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Flatten(),
            layers.Dense(6),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Dense(3),
            layers.Activation("softmax"),
        ]
    )
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["acc"])
    weights = []
    for weight in model.weights:
        if weight.name == "moving_variance":
            weights.append(np.abs(normal(*weight.shape)) + 0.1)
        else:
            weights.append(normal(*weight.shape) * 0.5)
    model.set_weights(weights)
    x, y = normal(6, 8, 8, 2), random.randint(0, 3, size=(6, 1))
    out = {"x": x, "y": y}
    out |= {f"weight_{i}": w for i, w in enumerate(weights)}
    out["predicted"] = model.predict(x, verbose=0)
    out["evaluated_loss"], out["evaluated_acc"] = model.evaluate(x, y, verbose=0)

    # The gradients by hand, on a copy: from logits, as Keras does it where the softmax is last.
    copy = keras.models.clone_model(model)
    copy.set_weights(weights)
    logits = torch.as_tensor(x)
    for layer in copy.layers[:-1]:
        logits = layer(logits, training=True) if isinstance(layer, layers.BatchNormalization) else layer(logits)
    loss = torch.nn.functional.cross_entropy(logits, torch.as_tensor(y).reshape(-1))
    variables = [v.value for v in copy.trainable_variables]
    out["loss"] = numpy(loss)
    for i, gradient in enumerate(torch.autograd.grad(loss, variables)):
        out[f"gradient_{i}"] = numpy(gradient)

    model.train_on_batch(x, y)
    out |= {f"weight_after_{i}": w for i, w in enumerate(model.get_weights())}
    return out


def split_numbers():
    train, test = train_test_split(np.arange(60000), test_size=0.1, random_state=1)
    describe = lambda rows: {
        "first": rows[:10].tolist(),
        "last": rows[-5:].tolist(),
        "sha256_of_int64": hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest(),
    }
    content = {"made_with": VERSIONS, "train": describe(train), "test": describe(test)}
    for n, seed in [(10, 1), (20, 42)]:
        content[f"permutation_{n}_seed_{seed}"] = np.random.RandomState(seed).permutation(n).tolist()
    (HERE / "split.json").write_text(json.dumps(content, indent=1) + "\n")


def summary():
    keras.utils.clear_session()
    model = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(64, (5, 5), strides=(2, 2)),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Flatten(),
            layers.Dense(128),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Dense(10),
            layers.Activation("softmax"),
        ]
    )
    lines = []
    model.summary(line_length=88, print_fn=lambda text, line_break=None: lines.append(text))
    (HERE / "summary.txt").write_text("\n".join(lines).rstrip() + "\n")


write("layers", layer_numbers())
write("step", step_numbers())
split_numbers()
summary()
