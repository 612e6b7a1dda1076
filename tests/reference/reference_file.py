"""Writes arrays by name into the JSON files that the prelude's tests read."""

import importlib.metadata
import json
import pathlib

import numpy as np

HERE = pathlib.Path(__file__).parent


def array(value):
    value = np.asarray(value)
    return {"shape": list(value.shape), "data": [float(f"{x:.9g}") for x in value.reshape(-1).tolist()]}


def write(name, arrays, packages):
    versions = {package: importlib.metadata.version(package) for package in packages}
    content = {"made_with": versions} | {key: array(value) for key, value in arrays.items()}
    (HERE / f"{name}.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")
