"""Weights of a small PyTorch module, and its outputs, which a model of the prelude must give with them.

    python saving.py            # writes torch.safetensors and saving.json
"""

import numpy as np
import safetensors.torch
import torch
from reference_file import HERE, write


class Module(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.features = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3))
        self.head = torch.nn.Linear(27, 4)

    def forward(self, x):
        x = self.features(x.permute(0, 3, 1, 2))
        # The prelude flattens (rows, columns, channels).
        return self.head(x.permute(0, 2, 3, 1).flatten(1))


torch.manual_seed(0)
module = Module()
x = torch.tensor(np.random.RandomState(0).normal(size=(6, 5, 5, 2)).astype("float32"))
with torch.no_grad():
    module.train()
    for _ in range(3):
        module(x * 2 + 1)  # Moves the running averages.
    torch.nn.init.normal_(module.features[1].weight)
    torch.nn.init.normal_(module.features[1].bias)
    module.eval()
    write("saving", {"x": x, "y": module(x)}, ["torch", "safetensors", "numpy"])
safetensors.torch.save_file(module.state_dict(), HERE / "torch.safetensors")
