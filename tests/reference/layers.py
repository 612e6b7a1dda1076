"""Every layer of the prelude as Keras has it: outputs, gradients, shapes, weights.

    python layers.py            # writes layer_cases.json and graph_summary.txt

Keras computes on JAX, so the numbers owe nothing to libtorch; where PyTorch has the same layer, it checks Keras's here.
Inputs and weights come from a formula that the tests know, too, so only what was computed is stored.
"""

import importlib.metadata
import inspect
import json
import os
import pathlib

os.environ["KERAS_BACKEND"] = "jax"
os.environ["COLUMNS"] = "140"  # or Keras cuts its tables to the terminal

import jax
import jax.numpy as jnp
import keras
import numpy as np
import torch
from keras import layers

HERE = pathlib.Path(__file__).parent
PACKAGES = ["keras", "jax", "torch", "numpy"]


def values(shape, which):
    """Numbers from -1 to 1 without a pattern; the tests have the same formula."""
    count = int(np.prod(shape, dtype=int))
    return np.sin(12.9898 * np.arange(1, count + 1) + 78.233 * which).reshape(shape).astype("float32")


def weight_values(name, shape, which):
    """Variances are positive; kernels small, so that nothing saturates."""
    numbers = values(shape, which)
    return np.abs(numbers) + 0.5 if "variance" in name else numbers * np.float32(0.5)


def rounded(array):
    return [float(f"{x:.7g}") for x in np.asarray(array, "float64").reshape(-1).tolist()]


CASES = []


def case(layer, config, *inputs, training=False, integers=None, call={}, torch_twin=None):
    """`config` is what the prelude's layer is built from."""
    batch = [(2, *shape) for shape in inputs]
    xs = [values(shape, 100 + i) for i, shape in enumerate(batch)]
    if integers:
        xs = [(np.arange(x.size).reshape(x.shape) * 7 + 3) % integers for x in xs]
    argument = xs if len(xs) > 1 and not isinstance(layer, layers.MultiHeadAttention) else xs[0]
    several = {}
    if isinstance(layer, layers.MultiHeadAttention):
        argument, several = xs[0], dict(zip(["value", "key"], xs[1:] or [xs[0]]))
    if isinstance(layer, layers.RNN) and len(xs) > 1:
        argument, several = xs[0], {"initial_state": xs[1:]}
    layer(argument, **several)  # builds it
    names = [w.path.split("/", 1)[1] for w in layer.weights]
    layer.set_weights([weight_values(w.name, w.shape, 1 + i) for i, w in enumerate(layer.weights)])
    if isinstance(layer, layers.Normalization):
        layer.finalize_state()  # takes the weights over, as loading a model does
    trainable = [v.value for v in layer.trainable_variables]
    frozen = [v.value for v in layer.non_trainable_variables]

    def outputs(trainable, xs):
        if several:
            rest = xs[1:] or [xs[0]]
            inner = {"initial_state": list(xs[1:])} if "initial_state" in several else dict(zip(["value", "key"], rest))
            args = (xs[0],)
        else:
            inner, args = {}, (list(xs) if len(xs) > 1 else xs[0],)
        takes_mode = "training" in inspect.signature(layer.call).parameters
        mode = {"training": training} if takes_mode else {}
        out, after = layer.stateless_call(trainable, frozen, *args, **inner, **call, **mode)
        return (list(out) if isinstance(out, (list, tuple)) else [out]), after

    def loss(trainable, xs):
        outs, _ = outputs(trainable, xs)
        return sum(jnp.sum(out * values(out.shape, 200 + i)) for i, out in enumerate(outs))

    out, after = outputs(trainable, xs)
    entry = {
        "class": type(layer).__name__,
        "config": config,
        "training": training,
        "inputs": [list(shape[1:]) for shape in batch],
        "integers": integers,
        "output_shapes": [list(o.shape[1:]) for o in out],
        "outputs": [rounded(o) for o in out],
        "weights": [[name, list(w.shape)] for name, w in zip(names, layer.weights)],
        "trainable": [bool(w.trainable) for w in layer.weights],
        "count": layer.count_params(),
    }
    if integers is None:
        weight_gradients, input_gradients = jax.grad(loss, argnums=(0, 1))(trainable, xs)
        entry["input_gradients"] = [rounded(g) for g in input_gradients]
        entry["weight_gradients"] = [rounded(g) for g in weight_gradients]
    else:
        entry["input_gradients"] = []
        entry["weight_gradients"] = [rounded(g) for g in jax.grad(loss)(trainable, xs)]
    if training and frozen:
        entry["weights_after"] = [rounded(w) for w in after[: len(layer.non_trainable_weights)]]
    if torch_twin is not None:
        difference = np.abs(np.asarray(out[0]) - torch_twin(xs, layer.get_weights()).detach().numpy()).max()
        assert difference < 1e-5, f"{type(layer).__name__}: PyTorch differs by {difference}"
    CASES.append(entry)


def simple(name, *inputs, training=False, integers=None, torch_twin=None, **arguments):
    """A layer whose arguments are spelled in Keras as in the prelude."""
    layer = getattr(layers, name)(**arguments)
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in arguments.items()}
    case(layer, plain, *inputs, training=training, integers=integers, torch_twin=torch_twin)


T = torch.as_tensor
nchw = lambda x: T(x).permute(0, 3, 1, 2)
nhwc = lambda x: x.permute(0, 2, 3, 1)
F = torch.nn.functional

# Core
simple("Dense", (3,), units=4, torch_twin=lambda x, w: T(x[0]) @ T(w[0]) + T(w[1]))
simple("Dense", (2, 3), units=4, activation="tanh", use_bias=False)
simple("Flatten", (2, 3, 2))
simple("Identity", (3,))
simple("Embedding", (4,), input_dim=6, output_dim=3, integers=6)
for name in [
    "linear", "relu", "leaky_relu", "relu6", "sigmoid", "log_sigmoid", "hard_sigmoid", "softmax", "log_softmax", "tanh",
    "hard_tanh", "tanh_shrink", "elu", "celu", "selu", "gelu", "silu", "hard_silu", "mish", "softplus", "softsign",
    "soft_shrink", "hard_shrink", "exponential",
]:  # fmt: skip
    simple("Activation", (5,), activation=name)
simple("ReLU", (6,))
simple("ReLU", (6,), max_value=0.5, negative_slope=0.1, threshold=0.2)
simple("LeakyReLU", (6,))
simple("ELU", (6,), alpha=0.7)
simple("Softmax", (3, 4))
simple("Softmax", (3, 4), axis=1)
simple("PReLU", (2, 2, 3), shared_axes=(1, 2))
simple("PReLU", (4,))

# Convolutions
pair = (2, 2)
conv = lambda **o: lambda x, w: nhwc(F.conv2d(nchw(x[0]), T(w[0]).permute(3, 2, 0, 1), T(w[1]), **o))
simple("Conv2D", (5, 4, 2), filters=3, kernel_size=(3, 2), torch_twin=conv())
simple("Conv2D", (6, 5, 2), filters=2, kernel_size=(3, 2), strides=pair, padding="same", activation="relu")
simple("Conv2D", (6, 6, 2), filters=2, kernel_size=(2, 3), dilation_rate=pair, padding="same", use_bias=False)
simple("Conv2D", (4, 4, 4), filters=2, kernel_size=pair, groups=2, torch_twin=conv(groups=2))
simple("Conv1D", (6, 2), filters=3, kernel_size=3)
simple("Conv1D", (7, 2), filters=2, kernel_size=4, strides=2, padding="same")
simple("Conv1D", (6, 2), filters=2, kernel_size=2, dilation_rate=2, padding="causal")
simple("DepthwiseConv2D", (5, 5, 2), kernel_size=(3, 2), depth_multiplier=2)
simple("DepthwiseConv2D", (5, 5, 2), kernel_size=(3, 3), strides=pair, padding="same", activation="tanh")
simple("SeparableConv2D", (5, 5, 2), filters=3, kernel_size=(3, 2), depth_multiplier=2)
simple("SeparableConv2D", (6, 5, 2), filters=2, kernel_size=(3, 3), strides=pair, padding="same", use_bias=False)
for kernel in [1, 2, 3, 4, 5]:
    for stride in [1, 2, 3]:
        for padding in ["valid", "same"]:
            if (kernel, stride) in [(1, 1), (1, 3), (2, 1), (5, 3), (4, 3)] and padding == "valid":
                continue
            sizes = dict(kernel_size=(kernel, kernel), strides=(stride, stride), padding=padding)
            simple("Conv2DTranspose", (2, 3, 1), filters=1, **sizes)
simple("Conv2DTranspose", (3, 2, 2), filters=3, kernel_size=(3, 2), strides=(2, 1), activation="sigmoid")

# Pooling
for name in ["MaxPooling", "AveragePooling"]:
    simple(f"{name}2D", (5, 4, 2), pool_size=pair)
    simple(f"{name}2D", (5, 6, 2), pool_size=(3, 2), strides=(2, 2), padding="same")
    simple(f"{name}1D", (5, 2), pool_size=2)
    simple(f"{name}1D", (6, 2), pool_size=3, strides=2, padding="same")
for name in ["GlobalMaxPooling", "GlobalAveragePooling"]:
    simple(f"{name}2D", (3, 2, 2))
    simple(f"{name}1D", (4, 2), keepdims=True)

# Normalisations
for training in [False, True]:
    simple("BatchNormalization", (3, 2, 2), training=training)
    simple("BatchNormalization", (3, 4), axis=1, momentum=0.8, epsilon=0.01, scale=False, training=training)
simple("LayerNormalization", (3, 4), torch_twin=lambda x, w: F.layer_norm(T(x[0]), (4,), T(w[0]), T(w[1]), 1e-3))
simple("LayerNormalization", (3, 4), axis=1, center=False)
simple("GroupNormalization", (3, 2, 4), groups=2)
simple("GroupNormalization", (3, 4), groups=-1, epsilon=0.01)
simple("RMSNormalization", (3, 4))
simple("UnitNormalization", (3, 4), axis=1)

# Reshaping
simple("Reshape", (3, 4), target_shape=(2, -1))
simple("Permute", (2, 3, 2), dims=(3, 1, 2))
simple("RepeatVector", (3,), n=2)
simple("ZeroPadding2D", (2, 2, 1), padding=((1, 0), (2, 1)))
simple("ZeroPadding1D", (3, 2), padding=(2, 1))
simple("Cropping2D", (4, 5, 1), cropping=((1, 0), (2, 1)))
simple("Cropping1D", (5, 2), cropping=(2, 1))
simple("UpSampling2D", (2, 3, 2), size=(2, 3))
simple("UpSampling2D", (3, 2, 1), size=pair, interpolation="bilinear")
simple("UpSampling1D", (3, 2), size=3)
simple("Resizing", (4, 3, 1), height=6, width=5)
simple("CenterCrop", (5, 6, 1), height=2, width=3)
simple("Rescaling", (3,), scale=0.5, offset=-1.0)
simple("Normalization", (2, 3), invert=True)
simple("Normalization", (2, 3), mean=0.2, variance=0.5)

simple("Masking", (3, 2), mask_value=0.5)

# Joins
for name in ["Add", "Multiply", "Average", "Maximum", "Minimum"]:
    simple(name, (2, 3), (1, 3), (2, 1))
simple("Subtract", (2, 3), (2, 3))
simple("Concatenate", (2, 3), (2, 1))
simple("Concatenate", (2, 3), (1, 3), axis=1)
simple("Dot", (3,), (3,), axes=(1, 1), normalize=True)
simple("Dot", (2, 3), (4, 3), axes=(2, 2))
simple("Dot", (3, 2, 2), (2, 3), axes=(1, 2))

# Recurrent
for name in ["SimpleRNN", "LSTM", "GRU"]:
    simple(name, (4, 3), units=2)
    simple(name, (3, 2), units=2, return_sequences=True, go_backwards=True)
states = dict(units=2, return_sequences=True, return_state=True)
simple("SimpleRNN", (3, 2), (2,), activation="relu", use_bias=False, **states)
simple("LSTM", (3, 2), (2,), (2,), recurrent_activation="hard_sigmoid", unit_forget_bias=False, **states)
simple("GRU", (3, 2), (2,), reset_after=False, **states)


def wrapped(wrapper, inner, arguments, input, **options):
    name = f"{inner.lower()}_inside"
    layer = getattr(layers, inner)(name=name, **arguments)
    config = {"layer": {"class_name": inner, "config": {"name": name, **arguments}}, **options}
    case(getattr(layers, wrapper)(layer, **options), config, input)


wrapped("Bidirectional", "LSTM", dict(units=2), (3, 2))
wrapped("Bidirectional", "GRU", dict(units=2, return_sequences=True), (3, 2), merge_mode="sum")
wrapped("Bidirectional", "SimpleRNN", dict(units=2, return_sequences=True), (3, 2), merge_mode="ave")
wrapped("Bidirectional", "SimpleRNN", dict(units=2, return_state=True), (3, 2), merge_mode="mul")
wrapped("TimeDistributed", "Dense", dict(units=2, activation="tanh"), (3, 2))

# Attention
case(layers.MultiHeadAttention(2, 3), {"num_heads": 2, "key_dim": 3}, (4, 3), (2, 3))
# With dropout, though not in training, since Keras's shorter way on JAX takes no values of another size than the keys.
case(layers.MultiHeadAttention(1, 2, value_dim=3, output_shape=2, use_bias=False, dropout=0.1),
     {"num_heads": 1, "key_dim": 2, "value_dim": 3, "output_dim": 2, "use_bias": False, "dropout": 0.1},
     (2, 3), (3, 2), (3, 4))  # fmt: skip
case(layers.MultiHeadAttention(2, 2), {"num_heads": 2, "key_dim": 2, "use_causal_mask": True}, (3, 2),
     call={"use_causal_mask": True})  # fmt: skip

# Augmentation, with factors that leave nothing to chance. Without gradients for the input in Keras's own sense.
for fill_mode in ["reflect", "nearest", "constant"]:
    options = dict(fill_mode=fill_mode, training=True)
    if fill_mode == "constant":
        options["fill_value"] = 0.3
    simple("RandomRotation", (5, 4, 1), factor=(0.1, 0.1), **options)
    simple("RandomTranslation", (4, 5, 1), height_factor=(0.3, 0.3), width_factor=(-0.25, -0.25), **options)
    simple("RandomZoom", (4, 5, 1), height_factor=(0.3, 0.3), **options)
simple("RandomRotation", (4, 4, 1), factor=(0.25, 0.25), interpolation="nearest", training=True)
for name, argument in {
    "Dropout": dict(rate=0.5), "SpatialDropout1D": dict(rate=0.5), "SpatialDropout2D": dict(rate=0.5),
    "GaussianNoise": dict(stddev=0.5), "GaussianDropout": dict(rate=0.5), "RandomFlip": {},
}.items():  # fmt: skip
    simple(name, (3, 2) if name.endswith("1D") else (3, 2, 2), **argument)

versions = {package: importlib.metadata.version(package) for package in PACKAGES}
lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in CASES)
made_with = json.dumps(versions, separators=(",", ":"))
(HERE / "layer_cases.json").write_text(f'{{"made_with":{made_with},\n"cases":[\n{lines}\n]}}\n')


def graph_summary():
    """The model of model/functional/tests.rs."""
    keras.utils.clear_session()
    image, age = keras.Input((8, 8, 1), name="image"), keras.Input((1,), name="age")
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(image)
    x = layers.Flatten(name="flat")(x)
    shared = layers.Dense(5, name="shared")
    inner = [keras.Input((5,)), layers.Dense(5, name="inner_dense"), layers.BatchNormalization(name="inner_norm")]
    inner = keras.Sequential(inner, name="inner")
    y = inner(shared(x))
    x = layers.Concatenate(name="join")([x, age, y])
    classes = layers.Dense(3, activation="softmax", name="class")(x)
    price = layers.Dense(1, name="price")(layers.Dropout(0.5, name="drop")(x))
    model = keras.Model([image, age], [classes, price], name="branched")
    model.layers[3].trainable = False
    text = []
    for options in [{}, {"expand_nested": True, "show_trainable": True}]:
        lines = []
        model.summary(print_fn=lambda line, line_break=None: lines.append(line), **options)
        text.append("\n".join(lines).rstrip())
    (HERE / "graph_summary.txt").write_text("\n\n".join(text) + "\n")


graph_summary()
