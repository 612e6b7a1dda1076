"""Metrics of Keras over three batches of different sizes, without and with weights for the samples.

    python metrics.py           # writes metrics.json
"""

import os

os.environ["KERAS_BACKEND"] = "jax"

import numpy as np
from keras import losses, metrics
from reference_file import write
from sklearn.metrics import confusion_matrix

random = np.random.RandomState(0)
normal = lambda *shape: random.normal(size=shape).astype("float32")
SIZES = [5, 4, 6]
n = sum(SIZES)
batches = np.split(np.arange(n), np.cumsum(SIZES)[:-1])

weights = np.round(np.abs(normal(n)) * 2, 1)
weights[2] = 0
out = {"sizes": SIZES, "weights": weights}


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return (e / e.sum(-1, keepdims=True)).astype("float32")


def add(name, make, y, prediction, sample_weight=None):
    for key, given in {"plain": None, "weighted": weights if sample_weight is None else sample_weight}.items():
        metric = make()
        for rows in batches:
            metric.update_state(y[rows], prediction[rows], None if given is None else given[rows])
        result = np.asarray(metric.result())
        assert result.shape == (), name
        out[f"{name}/{key}"] = result


logits = normal(n, 6) * 2
labels = random.randint(0, 6, size=n)
labels[:8] = logits[:8].argmax(-1)  # Some right ones.
one_hot, probabilities = np.eye(6, dtype="float32")[labels], softmax(logits)
scores = 1 / (1 + np.exp(-normal(n, 1) * 2)).astype("float32")
yes = (random.uniform(size=(n, 1)) < scores).astype("float32")
out |= {"logits": logits, "labels": labels, "one_hot": one_hot, "probabilities": probabilities}
out |= {"scores": scores, "score_logits": np.log(scores / (1 - scores)), "yes": yes}

add("sparse_categorical_accuracy", metrics.SparseCategoricalAccuracy, labels, probabilities)
add("categorical_accuracy", metrics.CategoricalAccuracy, one_hot, probabilities)
add("binary_accuracy", metrics.BinaryAccuracy, yes, scores)
add("binary_accuracy_of_many", metrics.BinaryAccuracy, one_hot, probabilities)
add("binary_accuracy_threshold", lambda: metrics.BinaryAccuracy(threshold=0.3), yes, scores)
add("top_k_categorical_accuracy", lambda: metrics.TopKCategoricalAccuracy(k=2), one_hot, probabilities)
add("sparse_top_k_categorical_accuracy", lambda: metrics.SparseTopKCategoricalAccuracy(k=3), labels, probabilities)
add("precision", metrics.Precision, yes, scores)
add("precision_threshold", lambda: metrics.Precision(thresholds=0.7), yes, scores)
add("precision_top_k", lambda: metrics.Precision(top_k=2), one_hot, probabilities)
add("precision_class_id", lambda: metrics.Precision(class_id=1, thresholds=0.2), one_hot, probabilities)
add("recall", metrics.Recall, yes, scores)
add("recall_top_k", lambda: metrics.Recall(top_k=3), one_hot, probabilities)
add("recall_class_id", lambda: metrics.Recall(class_id=4, thresholds=0.2), one_hot, probabilities)
for average in ["micro", "macro", "weighted"]:
    add(f"f1_{average}", lambda: metrics.F1Score(average=average), one_hot, probabilities)
add("f1_threshold", lambda: metrics.F1Score(average="macro", threshold=0.2), one_hot, probabilities)
add("fbeta", lambda: metrics.FBetaScore(average="macro", beta=2.0), one_hot, probabilities)
add("auc", metrics.AUC, yes, scores)
add("auc_few", lambda: metrics.AUC(num_thresholds=7), yes, scores)
add("auc_pr", lambda: metrics.AUC(curve="PR"), yes, scores)
for method in ["minoring", "majoring"]:
    add(f"auc_{method}", lambda: metrics.AUC(summation_method=method, num_thresholds=20), yes, scores)
    add(f"auc_pr_{method}", lambda: metrics.AUC(curve="PR", summation_method=method, num_thresholds=20), yes, scores)
add("auc_of_many", metrics.AUC, one_hot, probabilities)

y, prediction = normal(n, 3), normal(n, 3)
out |= {"y": y, "prediction": prediction}
add("mean_squared_error", metrics.MeanSquaredError, y, prediction)
add("mean_absolute_error", metrics.MeanAbsoluteError, y, prediction)
add("root_mean_squared_error", metrics.RootMeanSquaredError, y, prediction)
add("cosine_similarity", metrics.CosineSimilarity, y, prediction)
add("log_cosh", metrics.LogCoshError, y, prediction)
add("sparse_categorical_crossentropy", metrics.SparseCategoricalCrossentropy, labels, probabilities)
add("binary_crossentropy", metrics.BinaryCrossentropy, yes, scores)
add("hinge", metrics.Hinge, yes, scores)

# Whole weights: Keras counts pairs in integers here.
whole = random.randint(0, 4, size=n)
out["whole_weights"] = whole
add("mean_io_u", lambda: metrics.MeanIoU(6, sparse_y_pred=False), labels, probabilities, whole)

out["confusion_matrix"] = confusion_matrix(labels, logits.argmax(-1), labels=range(6))

write("metrics", out, ["keras", "jax", "scikit-learn", "numpy"])
