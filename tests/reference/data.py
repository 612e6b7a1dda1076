"""Rows that scikit-learn's train_test_split chooses, for all kinds of arguments.

    python data.py              # writes data.json
"""

import importlib.metadata
import json

import numpy as np
from reference_file import HERE
from sklearn.model_selection import train_test_split

random = np.random.RandomState(0)
uneven = np.repeat([3, 0, 7, 1], [20, 11, 5, 9])
random.shuffle(uneven)
even = np.arange(30) % 5

cases = []
for n, labels, arguments in [
    (11, None, dict(random_state=1)),
    (11, None, dict(test_size=3, random_state=5)),
    (20, None, dict(train_size=0.33, random_state=2)),
    (20, None, dict(train_size=7, random_state=2)),
    (50, None, dict(test_size=0.21, train_size=0.5, random_state=42)),
    (50, None, dict(test_size=10, train_size=12, random_state=42)),
    (50, None, dict(test_size=0.3, shuffle=False)),
    (50, None, dict(test_size=5, train_size=7, shuffle=False)),
    (45, uneven, dict(test_size=0.2, random_state=0)),
    (45, uneven, dict(test_size=11, random_state=7)),
    (45, uneven, dict(train_size=0.4, test_size=0.3, random_state=3)),
    (45, uneven, dict(train_size=4, test_size=41, random_state=8)),
    (30, even, dict(test_size=7, random_state=1)),
    (30, even, dict(test_size=0.5, random_state=123456)),
]:
    train, test = train_test_split(np.arange(n), stratify=labels, **arguments)
    case = {"n": n, "arguments": arguments, "train": train.tolist(), "test": test.tolist()}
    cases.append(case if labels is None else case | {"labels": labels.tolist()})

packages = ["scikit-learn", "numpy"]
content = {"made_with": {package: importlib.metadata.version(package) for package in packages}, "splits": cases}
(HERE / "data.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")
