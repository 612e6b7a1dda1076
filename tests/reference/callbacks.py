"""Makes callbacks.json and callbacks.csv: what Keras's callbacks decide about scripted losses.

Run with Python 3.11, keras 3.15.1 and jax:

    KERAS_BACKEND=jax python callbacks.py

Nothing is trained. Each callback is told the logs of one epoch after the other, and what it does to a model of one weight
is written down; the model's weight is the number of the epoch, so that restored weights tell their epoch.
"""

import itertools
import json
import os
import pathlib
import tempfile

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np

HERE = pathlib.Path(__file__).parent

SEQUENCES = {
    "falling": [1.0, 0.8, 0.7, 0.65, 0.6, 0.58, 0.55, 0.5],
    "plateau": [1.0, 0.7, 0.7, 0.71, 0.69, 0.72, 0.73, 0.68, 0.68, 0.68, 0.9, 0.91],
    "rising": [1.0, 1.1, 1.2, 1.3, 1.4, 1.5],
    "noisy": [1.0, 0.9, 0.95, 0.85, 0.97, 0.88, 0.84, 0.99, 0.98, 0.97, 0.96, 0.95],
    "late": [1.0, 1.2, 1.3, 0.5, 0.9, 0.9, 0.9, 0.9],
    "nan": [1.0, float("nan"), 0.9, float("nan"), float("nan"), float("nan")],
}

EARLY_STOPPING = [
    dict(zip(("patience", "min_delta", "baseline", "start_from_epoch", "mode"), values))
    for values in itertools.product([0, 1, 3], [0.0, 0.05], [None, 0.75], [0, 2], ["min", "max"])
]
REDUCE_LR = [
    dict(zip(("patience", "min_delta", "cooldown", "min_lr", "factor"), values))
    for values in itertools.product([1, 2], [1e-4, 0.05], [0, 2], [0.0, 0.003], [0.1, 0.5])
]


def model():
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
    return model


def drive(callback, losses, key="val_loss"):
    """Tells the callback one epoch after the other, until it stops the training."""
    network = model()
    callback.set_model(network)
    network.stop_training = False
    rates = []
    callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        callback.on_epoch_begin(epoch)
        network.set_weights([np.array([[epoch + 1.0]])])
        logs = {"loss": loss, key: loss}
        callback.on_epoch_end(epoch, logs)
        rates.append(float(network.optimizer.learning_rate))
        if network.stop_training:
            break
    callback.on_train_end(logs)
    return {
        "epochs": epoch + 1,
        "stopped": network.stop_training,
        "weight": float(network.get_weights()[0][0, 0]),
        "rates": rates,
    }


def early_stopping():
    for name, losses in SEQUENCES.items():
        for arguments in EARLY_STOPPING:
            for restore in (False, True):
                callback = keras.callbacks.EarlyStopping(restore_best_weights=restore, **arguments)
                result = drive(callback, losses)
                del result["rates"]
                yield {"losses": name, "restore_best_weights": restore, **arguments, **result}


def reduce_lr():
    for name, losses in SEQUENCES.items():
        for arguments in REDUCE_LR:
            result = drive(keras.callbacks.ReduceLROnPlateau(**arguments), losses)
            yield {"losses": name, **arguments, "rates": result["rates"]}


def scheduler():
    callback = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate if epoch < 3 else rate * 0.5)
    return drive(callback, [1.0] * 6)["rates"]


def checkpoints():
    """The epochs, counted from 1, after which ModelCheckpoint saves, and the names it gives."""
    for name, losses in SEQUENCES.items():
        for best_only, threshold, mode in [(False, None, "min"), (True, None, "min"), (True, 0.75, "min"), (True, None, "max")]:
            with tempfile.TemporaryDirectory() as folder:
                callback = keras.callbacks.ModelCheckpoint(
                    folder + "/{epoch:02d}-{val_loss:.2f}.keras",
                    save_best_only=best_only,
                    initial_value_threshold=threshold,
                    mode=mode,
                )
                drive(callback, losses)
                files = sorted(os.listdir(folder))
            yield {
                "losses": name,
                "save_best_only": best_only,
                "initial_value_threshold": threshold,
                "mode": mode,
                "files": [file.removesuffix(".keras") for file in files],
            }


def checkpoint_batches():
    """The batches, counted from 1, after which `save_freq=3` saves in epochs of four."""
    with tempfile.TemporaryDirectory() as folder:
        callback = keras.callbacks.ModelCheckpoint(folder + "/{epoch}-{batch}.keras", save_freq=3)
        callback.set_model(model())
        callback.on_train_begin()
        for epoch in range(3):
            callback.on_epoch_begin(epoch)
            for batch in range(4):
                callback.on_train_batch_begin(batch)
                callback.on_train_batch_end(batch, {"loss": 1.0})
            callback.on_epoch_end(epoch, {"loss": 1.0})
        return sorted(file.removesuffix(".keras") for file in os.listdir(folder))


def csv(logs, path):
    callback = keras.callbacks.CSVLogger(path)
    callback.set_model(model())
    callback.on_train_begin()
    for epoch, epoch_logs in enumerate(logs):
        callback.on_epoch_end(epoch, dict(epoch_logs))
    callback.on_train_end()


CSV_LOGS = [
    {"loss": 0.5, "acc": 0.25},
    {"loss": 1e-5, "acc": 1.0, "val_loss": 0.125, "val_acc": 0.75},
    {"loss": float("nan"), "acc": 12345678.9},
]

if __name__ == "__main__":
    content = {
        "made_with": {"keras": keras.__version__, "backend": keras.backend.backend()},
        "sequences": {name: [None if np.isnan(x) else x for x in losses] for name, losses in SEQUENCES.items()},
        "early_stopping": list(early_stopping()),
        "reduce_lr": list(reduce_lr()),
        "scheduler": scheduler(),
        "checkpoints": list(checkpoints()),
        "checkpoint_batches": checkpoint_batches(),
    }
    text = ",\n".join(f"{json.dumps(key)}: " + json.dumps(value, separators=(",", ":")).replace("},{", "},\n{") for key, value in content.items())
    (HERE / "callbacks.json").write_text("{" + text + "}\n")
    csv(CSV_LOGS, str(HERE / "callbacks.csv"))
