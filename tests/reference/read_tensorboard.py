"""Reads a folder that the TensorBoard callback has written, with TensorBoard's own reader.

    python read_tensorboard.py FOLDER

Prints each tag with its steps and values; fails if there is none. Needs the tensorboard package.
"""

import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

found = 0
for folder in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    events = EventAccumulator(str(folder)).Reload()
    for tag in events.Tags()["scalars"]:
        print(folder.name, tag, [(event.step, round(event.value, 6)) for event in events.Scalars(tag)])
        found += 1
    for tag in events.Tags()["histograms"]:
        print(folder.name, tag, [(event.step, event.histogram_value.num) for event in events.Histograms(tag)])
        found += 1
assert found, "no tags"
