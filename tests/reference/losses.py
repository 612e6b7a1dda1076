"""Losses of Keras: per sample, mean, weighted mean, and the gradient of the mean for the model's output.

    python losses.py            # writes losses.json

Where a loss can be computed from logits, the numbers from logits are those that a model ending in a softmax or
sigmoid must have. PyTorch's own functions check Keras's here, where it has the same formula.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"

import jax
import numpy as np
import torch
from keras import losses
from reference_file import write

random = np.random.RandomState(0)
normal = lambda *shape: random.normal(size=shape).astype("float32")
softmax = lambda x: np.asarray(jax.nn.softmax(x))
sigmoid = lambda x: np.asarray(jax.nn.sigmoid(x))

out = {"weights": np.array([0.5, 2, 0, 1, 1.5, 3], "float32")}


def add(name, loss, y, prediction, weights=None):
    """`loss(**arguments)` makes the loss, so that it can be made with each reduction."""
    out[f"{name}/values"] = loss(reduction="none")(y, prediction)
    out[f"{name}/mean"] = mean = loss()(y, prediction)
    out[f"{name}/weighted"] = loss()(y, prediction, sample_weight=out["weights"] if weights is None else weights)
    out[f"{name}/gradient"] = jax.grad(lambda p: loss()(y, p))(prediction)
    return float(mean)


logits, labels = normal(6, 4) * 3, random.randint(0, 4, size=6)
logits[0, 0] = 60.0  # Probabilities of 0 and 1 in 32 bits.
labels[0] = 1
one_hot, probabilities = np.eye(4, dtype="float32")[labels], softmax(logits)
out |= {"logits": logits, "labels": labels, "one_hot": one_hot, "probabilities": probabilities}
smooth = dict(label_smoothing=0.1)
from_logits = dict(from_logits=True)
sparse, categorical, binary = (
    losses.SparseCategoricalCrossentropy,
    losses.CategoricalCrossentropy,
    losses.BinaryCrossentropy,
)
mean = add("sparse_from_logits", lambda **a: sparse(**from_logits, **a), labels, logits)
assert np.isclose(mean, torch.nn.functional.cross_entropy(torch.tensor(logits), torch.tensor(labels)))
add("sparse", sparse, labels, probabilities)
ignored = np.where(labels == 2, -1, labels)
out["labels_ignored"] = ignored
add("sparse_ignored", lambda **a: sparse(ignore_class=-1, **from_logits, **a), ignored, logits)
add("categorical_from_logits", lambda **a: categorical(**from_logits, **a), one_hot, logits)
add("categorical", categorical, one_hot, probabilities)
mean = add("categorical_smooth", lambda **a: categorical(**from_logits, **smooth, **a), one_hot, logits)
torchs = torch.nn.functional.cross_entropy(torch.tensor(logits), torch.tensor(labels), label_smoothing=0.1)
assert np.isclose(mean, torchs)

scores, yes = normal(6, 2) * 3, random.randint(0, 2, size=(6, 2)).astype("float32")
scores[0] = [30, -30]  # Logits of which a 32-bit sigmoid makes 1 and 0.
out |= {"scores": scores, "yes": yes, "sigmoid": sigmoid(scores)}
mean = add("binary_from_logits", lambda **a: binary(**from_logits, **a), yes, scores)
assert np.isclose(
    mean, torch.nn.functional.binary_cross_entropy_with_logits(torch.tensor(scores), torch.tensor(yes))
)
add("binary", binary, yes, sigmoid(scores))
add("binary_smooth", lambda **a: binary(**from_logits, **smooth, **a), yes, scores)

y, prediction = normal(6, 3) * 2, normal(6, 3) * 2
y[0, 0] = 0.0
out |= {"y": y, "prediction": prediction}
for name, loss in {
    "mean_squared_error": losses.MeanSquaredError,
    "mean_absolute_error": losses.MeanAbsoluteError,
    "mean_squared_logarithmic_error": losses.MeanSquaredLogarithmicError,
    "huber": losses.Huber,
    "huber_delta": lambda **a: losses.Huber(delta=0.3, **a),
    "log_cosh": losses.LogCosh,
    "cosine_similarity": losses.CosineSimilarity,
}.items():
    add(name, loss, y, prediction)
# Without the zero: divided by 1e-7, its error would be all there is.
nonzero = np.where(y == 0, np.float32(0.7), y)
out["y_nonzero"] = nonzero
add("mean_absolute_percentage_error", losses.MeanAbsolutePercentageError, nonzero, prediction)
out["torch/mean_squared_error"] = torch.nn.functional.mse_loss(torch.tensor(prediction), torch.tensor(y))
out["torch/huber"] = torch.nn.functional.huber_loss(torch.tensor(prediction), torch.tensor(y))

positive, counts = np.exp(normal(6, 3)), random.poisson(2, size=(6, 3)).astype("float32")
out |= {"positive": positive, "counts": counts}
add("poisson", losses.Poisson, counts, positive)
# Without zeros and ones, where the gradient of a clipped number is a matter of taste.
distribution, approximation = softmax(normal(6, 4)), softmax(normal(6, 4))
out |= {"distribution": distribution, "approximation": approximation}
add("kl_divergence", losses.KLDivergence, distribution, approximation)

signs = np.where(random.randint(0, 2, size=(6, 3)) > 0, 1, -1).astype("float32")
out["signs"] = signs
add("hinge", losses.Hinge, signs, prediction)
add("hinge_of_0_and_1", losses.Hinge, yes, scores)
add("squared_hinge", losses.SquaredHinge, signs, prediction)
add("categorical_hinge", losses.CategoricalHinge, one_hot, logits)

# More axes than samples and numbers: one loss for each row, weights for each row.
rows, predicted_rows, row_weights = normal(2, 3, 4), normal(2, 3, 4), np.abs(normal(2, 3))
out |= {"rows": rows, "predicted_rows": predicted_rows, "row_weights": row_weights}
add("mean_squared_error_of_rows", losses.MeanSquaredError, rows, predicted_rows, row_weights)
row_labels = random.randint(0, 4, size=(2, 3))
out["row_labels"] = row_labels
add("sparse_of_rows", lambda **a: sparse(**from_logits, **a), row_labels, predicted_rows, row_weights)

write("losses", out, ["keras", "jax", "torch", "numpy"])
