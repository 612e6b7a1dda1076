"""Optimizers and learning rate schedules of Keras, step by step; the one-cycle schedule is PyTorch's.

    python optimizers.py        # writes optimizers.json
"""

import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
import torch
from keras import optimizers
from keras.optimizers import schedules
from reference_file import write

STEPS = 5
random = np.random.RandomState(0)
normal = lambda *shape: random.normal(size=shape).astype("float32")

vector, matrix = normal(7), normal(2, 3)
# From where epsilon decides to where it does not matter.
scale = np.array([1e-9, 1e-8, 1e-7, 1e-5, 1e-2, 1, 10], "float32")
gradients = [(normal(7) * scale, normal(2, 3)) for _ in range(STEPS)]
out = {"vector": vector, "matrix": matrix}
for step, (of_vector, of_matrix) in enumerate(gradients, 1):
    out |= {f"gradient_vector_{step}": of_vector, f"gradient_matrix_{step}": of_matrix}

for name, make in {
    "sgd": lambda: optimizers.SGD(),
    "sgd_momentum": lambda: optimizers.SGD(0.1, momentum=0.9),
    "sgd_nesterov": lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "sgd_clipnorm": lambda: optimizers.SGD(0.1, clipnorm=0.5),
    "sgd_clipvalue": lambda: optimizers.SGD(0.1, clipvalue=0.3),
    "sgd_global_clipnorm": lambda: optimizers.SGD(0.1, global_clipnorm=0.7),
    "sgd_weight_decay": lambda: optimizers.SGD(0.1, weight_decay=0.05),
    "sgd_schedule": lambda: optimizers.SGD(schedules.ExponentialDecay(0.1, 2, 0.5)),
    "sgd_ema": lambda: optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=2),
    "adam": lambda: optimizers.Adam(),
    "adam_settings": lambda: optimizers.Adam(0.01, beta_1=0.8, beta_2=0.99, epsilon=1e-3),
    "adam_amsgrad": lambda: optimizers.Adam(0.01, beta_2=0.5, amsgrad=True),
    "adamw": lambda: optimizers.AdamW(0.01),
    "rmsprop": lambda: optimizers.RMSprop(),
    "rmsprop_momentum": lambda: optimizers.RMSprop(0.01, rho=0.8, momentum=0.9),
    "rmsprop_centered": lambda: optimizers.RMSprop(0.01, centered=True),
    "rmsprop_centered_momentum": lambda: optimizers.RMSprop(0.01, centered=True, momentum=0.5),
    "adagrad": lambda: optimizers.Adagrad(0.1),
    "adadelta": lambda: optimizers.Adadelta(1.0),
    "adamax": lambda: optimizers.Adamax(0.01),
    "nadam": lambda: optimizers.Nadam(0.01),
}.items():
    variables = [keras.Variable(vector), keras.Variable(matrix)]
    optimizer = make()
    optimizer.build(variables)
    for step, both in enumerate(gradients, 1):
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in both])
        out[f"{name}/vector_{step}"], out[f"{name}/matrix_{step}"] = map(np.asarray, variables)
    out[f"{name}/count"] = sum(int(np.prod(v.shape)) for v in optimizer.variables)
    optimizer.finalize_variable_values(variables)
    out[f"{name}/vector_finished"] = np.asarray(variables[0])

steps = np.array([0, 1, 2, 5, 9, 10, 11, 25, 50, 99, 100, 101, 150, 250, 999])
out["schedule_steps"] = steps
for name, schedule in {
    "exponential": schedules.ExponentialDecay(0.1, 10, 0.9),
    "exponential_staircase": schedules.ExponentialDecay(0.1, 10, 0.9, staircase=True),
    "inverse_time": schedules.InverseTimeDecay(0.1, 10, 0.5),
    "inverse_time_staircase": schedules.InverseTimeDecay(0.1, 10, 0.5, staircase=True),
    "polynomial": schedules.PolynomialDecay(0.1, 100),
    "polynomial_settings": schedules.PolynomialDecay(0.1, 100, end_learning_rate=0.01, power=2.0),
    "polynomial_cycle": schedules.PolynomialDecay(0.1, 40, power=0.5, cycle=True),
    "piecewise": schedules.PiecewiseConstantDecay([10, 100], [0.1, 0.01, 0.001]),
    "cosine": schedules.CosineDecay(0.1, 100, alpha=0.1),
    "cosine_warmup": schedules.CosineDecay(0.01, 90, warmup_target=0.1, warmup_steps=10),
    "cosine_restarts": schedules.CosineDecayRestarts(0.1, 30, t_mul=2.0, m_mul=0.9, alpha=0.1),
    "cosine_restarts_even": schedules.CosineDecayRestarts(0.1, 30, t_mul=1.0, m_mul=0.5),
}.items():
    out[f"schedule/{name}"] = [float(schedule(step)) for step in steps]

weight = torch.nn.Parameter(torch.zeros(1))
sgd = torch.optim.SGD([weight], lr=1.0)
one_cycle = torch.optim.lr_scheduler.OneCycleLR(sgd, max_lr=0.1, total_steps=100)
rates = []
for _ in range(100):
    rates.append(sgd.param_groups[0]["lr"])
    sgd.step()
    if len(rates) < 100:
        one_cycle.step()
out["schedule/one_cycle"] = rates

write("optimizers", out, ["keras", "jax", "torch", "numpy"])
