"""Models as saved packages: weights that make every layer count, and their conversion."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import torch
from torch import nn

TARGETS = {"iOS15": ct.target.iOS15, "iOS16": ct.target.iOS16, "iOS17": ct.target.iOS17, "iOS18": ct.target.iOS18}


def seeded(model: nn.Module, x: torch.Tensor, seed: int = 0) -> nn.Module:
    """``model`` ready to be judged: no layer is near the identity, no activation far from one.

    Batch norms take the statistics of noise (and then some more noise), and vectors (biases, gains, layer scales,
    which start at 0, 1 or 1e-6) are moved by a tenth.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() <= 1:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
        norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        for norm in norms:
            norm.momentum = 1.0
        model.train()
        model(torch.randn((4, *x.shape[1:]), generator=generator))
        model.eval()
        for norm in norms:
            assert norm.running_mean is not None
            assert norm.running_var is not None
            # a channel that noise hardly moves would be amplified, and its rounding errors with it
            norm.running_var.clamp_(min=0.1 * float(norm.running_var.mean()))
            spread = norm.running_var.sqrt()
            norm.running_mean.add_(0.1 * spread * torch.randn(spread.shape, generator=generator))
            norm.running_var.mul_(1 + 0.2 * torch.rand(spread.shape, generator=generator))
    return model


Layers = Mapping[str, nn.Module | Callable[[torch.Tensor], torch.Tensor]]


class Beside(nn.Module):
    """All layers on the same input, their results flattened and joined."""

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        self.layers = list(layers.values())
        self.held = nn.ModuleList(m for m in self.layers if isinstance(m, nn.Module))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([layer(x).flatten() for layer in self.layers])


def converted(model: nn.Module, x: torch.Tensor, target: str, half: bool = False, pipeline: Any = None) -> Any:
    """``model`` as an ML Program of one float32 input ``x`` and one float32 output ``y``.

    pipeline: coremltools' passes where they are not its own ones only.
    """
    exported = torch.export.export(model.eval(), (x,)).run_decompositions({})
    return ct.convert(
        exported,
        convert_to="mlprogram",
        minimum_deployment_target=TARGETS[target],
        compute_precision=ct.precision.FLOAT16 if half else ct.precision.FLOAT32,
        pass_pipeline=pipeline,
        skip_model_load=True,
        inputs=[ct.TensorType(name="x", shape=tuple(x.shape), dtype=np.float32)],
        outputs=[ct.TensorType(name="y", dtype=np.float32)],
    )


def saved(model: Any, folder: Path, name: str = "model") -> Path:
    """The path of the saved package."""
    path = folder / f"{name}.mlpackage"
    model.save(str(path))
    return path


def rounded_like_half(model: nn.Module) -> nn.Module:
    """A copy of ``model`` whose weights and results of innermost modules lie on float16's grid."""
    model = copy.deepcopy(model)
    for parameter in [*model.parameters(), *(b for b in model.buffers() if b.dtype == torch.float32)]:
        parameter.data = parameter.data.half().float()
    for module in model.modules():
        if not list(module.children()):
            module.register_forward_hook(lambda _m, _x, y: y.half().float() if isinstance(y, torch.Tensor) else y)
    return model
