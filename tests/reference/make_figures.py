"""Makes the colour tables of the figures and what their tests compare with.

Run with Python 3.11, matplotlib 3.11.2, numpy and scikit-learn; TORCHBOOK_MNIST_DIR names the folder with MNIST's IDX
files:

    python make_figures.py

It writes prelude/assets/colormaps/*.rgb and, beside itself, colormaps.json, classification.json, pca.json,
matplotlib_train_grid.png and matplotlib_test_grid.png. Nothing in it is random; running it again changes nothing.
"""

import io
import json
import os
import pathlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
import sklearn
from sklearn import decomposition, metrics

HERE = pathlib.Path(__file__).parent
TABLES = HERE.parent.parent / "prelude/assets/colormaps"
NAMES = ["viridis", "gray", "magma", "inferno", "plasma", "cividis", "coolwarm"]
VERSIONS = {"matplotlib": matplotlib.__version__, "scikit-learn": sklearn.__version__, "numpy": np.__version__}


def write(name, content):
    (HERE / f"{name}.json").write_text(json.dumps({"made_with": VERSIONS} | content, separators=(",", ":")) + "\n")


def array(value):
    value = np.asarray(value)
    return {"shape": list(value.shape), "data": [float(f"{x:.6g}") for x in value.reshape(-1).tolist()]}


def colormaps():
    TABLES.mkdir(parents=True, exist_ok=True)
    reference = {}
    for name in NAMES:
        # The table as matplotlib's own figures have it, rounding included.
        table = matplotlib.colormaps[name](np.arange(256), bytes=True)[:, :3]
        (TABLES / f"{name}.rgb").write_bytes(table.tobytes())
        # What the table is compared with: colours between 0 and 1, asked for by value and not by index.
        reference[name] = array(matplotlib.colormaps[name]((np.arange(256) + 0.5) / 256)[:, :3])
    random = np.random.RandomState(0)
    image = random.randint(0, 200, size=(6, 5)).astype("uint8")
    drawn = matplotlib.cm.ScalarMappable(cmap="viridis").to_rgba(image.astype("float32"), bytes=True)[..., :3]
    write("colormaps", reference | {"image": array(image), "drawn": array(drawn)})


def idx(name):
    content = (pathlib.Path(os.environ["TORCHBOOK_MNIST_DIR"]) / name).read_bytes()
    axes = content[3]
    shape = [int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(axes)]
    return np.frombuffer(content, "uint8", offset=4 + 4 * axes).reshape(shape)


def founding_grid(images, labels, size, name):
    """The founding notebook's figure, cell for cell, with sharp pixels.

    At 200 dots per inch each of the axes is a whole number of pixels per image pixel wide, or close to it; interpolation
    'nearest' says that no pixel is mixed from two. matplotlib anchors axes at fractions of a pixel, so the borders
    between enlarged pixels can be one pixel off: the test compares their centres.
    """
    figure = plt.figure(figsize=(1.5 * size, 1.5 * size), dpi=100)
    centres = []
    for i in range(size * size):
        axes = plt.subplot(size, size, i + 1)
        plt.xticks([])
        plt.yticks([])
        plt.xlabel(labels[i])
        plt.imshow(images[i], interpolation="nearest")
    figure.canvas.draw()
    height = figure.canvas.get_width_height()[1]
    for axes in figure.axes:
        box = axes.get_window_extent()
        centres.append([box.x0, height - box.y1, box.width, box.height])
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=100)
    plt.close(figure)
    # 256 colours suffice for the images, which are what is compared; the labels' edges may lose a shade.
    picture = PIL.Image.open(buffer).convert("RGB")
    picture.save(HERE / f"{name}.png", optimize=True)
    return {f"{name}_cells": array(centres)}


def classification():
    random = np.random.RandomState(3)
    out = {}
    for name, classes, count in [("ten", 10, 500), ("three", 3, 40)]:
        truth = random.randint(0, classes, size=count)
        wrong = random.uniform(size=count) < 0.2
        predicted = np.where(wrong, random.randint(0, classes, size=count), truth)
        if name == "three":
            predicted[predicted == 2] = 0  # A class that is never predicted.
        out |= {
            f"{name}_true": array(truth),
            f"{name}_predicted": array(predicted),
            f"{name}_matrix": array(metrics.confusion_matrix(truth, predicted)),
            f"{name}_report": metrics.classification_report(truth, predicted, zero_division=0),
        }
    names = ["ankle boot", "bag", "coat"]
    out["named_report"] = metrics.classification_report(
        truth, predicted, zero_division=0, target_names=names, digits=3
    )
    write("classification", out)


def pca():
    random = np.random.RandomState(5)
    points = random.normal(size=(30, 6)) @ random.normal(size=(6, 6)) + random.normal(size=6)
    model = decomposition.PCA(2, svd_solver="full").fit(points)
    write(
        "pca",
        {
            "points": array(points),
            "projected": array(model.transform(points)),
            "share": array(model.explained_variance_ratio_),
        },
    )


colormaps()
classification()
pca()
cells = founding_grid(idx("train-images-idx3-ubyte"), idx("train-labels-idx1-ubyte"), 5, "matplotlib_train_grid")
cells |= founding_grid(idx("t10k-images-idx3-ubyte"), idx("t10k-labels-idx1-ubyte"), 7, "matplotlib_test_grid")
write("matplotlib_grids", cells)
