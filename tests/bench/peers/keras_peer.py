"""Keras on the backend in KERAS_BACKEND: keras_peer.py WORKLOAD SAMPLES BATCH EPOCHS FOLDER."""

import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
from keras import layers

from peer_data import BATCH, EPOCHS, WORKLOAD, images, tell


def model():
    dense = lambda units: [layers.Dense(units), layers.Activation("relu")]
    conv = lambda filters: [layers.Conv2D(filters, 3, padding="same"), layers.Activation("relu")]
    image = layers.Input((28, 28, 1))
    last = [layers.Dense(10), layers.Activation("softmax")]
    return keras.Sequential({
        "founding": lambda: [image, layers.Conv2D(64, (5, 5), strides=(2, 2)), layers.BatchNormalization(), layers.Activation("relu"), layers.Flatten(), layers.Dense(128), layers.BatchNormalization(), layers.Activation("relu")],
        "mlp": lambda: [image, layers.Flatten(), *dense(512), *dense(512)],
        "deep": lambda: [image, *conv(32), *conv(32), layers.MaxPooling2D(), *conv(64), *conv(64), layers.MaxPooling2D(), layers.Flatten(), *dense(128)],
        "lstm": lambda: [image, layers.Reshape((28, 28)), layers.LSTM(128)],
    }[WORKLOAD]() + last)


class Times(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(time.perf_counter() - self.began)


x, y, x_test, y_test = images()
keras.utils.set_random_seed(0)
model = model()
model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["acc"])
times = Times()
model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, verbose=0, callbacks=[times])


def best(action):
    """The second call: the first one compiles."""
    action()
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


predict = best(lambda: model.predict(x_test, verbose=0))
evaluate = best(lambda: model.evaluate(x_test, y_test, verbose=0))
tell(times.epochs, predict, evaluate, float(model.evaluate(x_test, y_test, verbose=0)[1]))
