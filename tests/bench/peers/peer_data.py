"""What both peers share: arguments, images, and how a result is told."""

import gzip
import json
import os
import resource
import sys

import numpy as np

WORKLOAD, SAMPLES, BATCH, EPOCHS, FOLDER = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]


def idx(name, offset):
    path = os.path.join(FOLDER, name)
    if os.path.exists(path):
        with open(path, "rb") as file:
            return np.frombuffer(file.read(), np.uint8, offset=offset)
    with gzip.open(path + ".gz") as file:
        return np.frombuffer(file.read(), np.uint8, offset=offset)


def images():
    """Training and test data as the notebooks have them: floats from 0 to 1, class numbers."""
    x = idx("train-images-idx3-ubyte", 16).reshape(-1, 28, 28, 1)[:SAMPLES]
    y = idx("train-labels-idx1-ubyte", 8)[:SAMPLES]
    x_test = idx("t10k-images-idx3-ubyte", 16).reshape(-1, 28, 28, 1)
    y_test = idx("t10k-labels-idx1-ubyte", 8)
    scale = lambda a: a.astype("float32") / 255
    return scale(x), y.astype("int64"), scale(x_test), y_test.astype("int64")


def tell(epochs, predict, evaluate, accuracy):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("RESULT", json.dumps({"epochs": epochs, "predict": predict, "evaluate": evaluate, "accuracy": accuracy, "peak": peak}))
