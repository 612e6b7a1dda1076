"""PyTorch with fused Adam, eager or compiled: torch_peer.py WORKLOAD SAMPLES BATCH EPOCHS FOLDER MODE [DEVICE [PRECISION]].

DEVICE is `cpu` or `cuda`, where the data lie, too; PRECISION is `float32`, `tf32` or `bfloat16` (autocast).
"""

import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

from peer_data import BATCH, EPOCHS, WORKLOAD, images, tell


class LastStep(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(28, 128, batch_first=True)

    def forward(self, x):
        return self.lstm(x.reshape(-1, 28, 28))[0][:, -1]


def conv(inputs, outputs):
    return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]


def norm(kind, features):
    return kind(features, eps=1e-3, momentum=0.01)


MODELS = {
    "founding": lambda: [nn.Conv2d(1, 64, 5, stride=2), norm(nn.BatchNorm2d, 64), nn.ReLU(), nn.Flatten(), nn.Linear(9216, 128), norm(nn.BatchNorm1d, 128), nn.ReLU(), nn.Linear(128, 10)],
    "mlp": lambda: [nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)],
    "deep": lambda: [*conv(1, 32), *conv(32, 32), nn.MaxPool2d(2), *conv(32, 64), *conv(64, 64), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10)],
    "lstm": lambda: [LastStep(), nn.Linear(128, 10)],
}

DEVICE, PRECISION = (sys.argv[7:] + ["cpu", "float32"][len(sys.argv[7:]):])[:2]
torch.set_float32_matmul_precision("highest" if PRECISION == "float32" else "high")
torch.backends.cudnn.allow_tf32 = PRECISION != "float32"
torch.backends.cudnn.benchmark = True
precision = lambda: torch.autocast(DEVICE, torch.bfloat16, enabled=PRECISION == "bfloat16")

torch.manual_seed(0)
x, y, x_test, y_test = (torch.from_numpy(array).to(DEVICE) for array in images())
x, x_test = (images.reshape(-1, 1, 28, 28) for images in (x, x_test))
model = nn.Sequential(*MODELS[WORKLOAD]()).to(DEVICE)
for layer in model:
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7, fused=True)
step = torch.compile(model) if sys.argv[6] == "compile" else model

epochs = []
for _ in range(EPOCHS):
    began = time.perf_counter()
    model.train()
    total, right = torch.zeros((), device=DEVICE), torch.zeros((), dtype=torch.long, device=DEVICE)
    order = torch.randperm(len(x), device=DEVICE)
    for rows in order.split(BATCH):
        images, labels = x.index_select(0, rows), y.index_select(0, rows)
        optimizer.zero_grad(set_to_none=True)
        with precision():
            output = step(images)
            loss = F.cross_entropy(output, labels)
        loss.backward()
        optimizer.step()
        total += loss.detach() * len(images)
        right += (output.argmax(1) == labels).sum()
    total.item()
    epochs.append(time.perf_counter() - began)

model.eval()


def predict():
    with torch.inference_mode(), precision():
        return torch.cat([step(part) for part in x_test.split(256)]).softmax(1).cpu()


def evaluate():
    with torch.inference_mode(), precision():
        loss = right = 0
        for part, labels in zip(x_test.split(256), y_test.split(256)):
            output = step(part)
            loss += F.cross_entropy(output, labels, reduction="sum")
            right += (output.argmax(1) == labels).sum()
        return loss.item() / len(x_test), right.item() / len(x_test)


def best(action):
    """The second call: the first one compiles."""
    action()
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


tell(epochs, best(predict), best(evaluate), evaluate()[1])
