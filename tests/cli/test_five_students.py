"""Students that were trained elsewhere, of five kinds, and the papers' two, from the file to all four targets."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cxredge.recipe_file import load_recipe
from support.command import must

PAED = ("--labels", "normal,bacteria,virus", "--data", "cxr_pneumonia_paed")
XRV = (
    "Atelectasis,Consolidation,Infiltration,Pneumothorax,Edema,Emphysema,Fibrosis,Effusion,Pneumonia,"
    "Pleural_Thickening,Cardiomegaly,Nodule,Mass,Hernia,Lung_Lesion,Fracture,Lung_Opacity,Enlarged_Cardiomediastinum"
)
NET = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        parts = [(3, 32), (32, 64), (64, 128)]
        self.features = nn.Sequential(
            *(nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)) for a, b in parts)
        )
        self.dense, self.drop, self.out = nn.Linear(2048, 256), nn.Dropout(0.5), nn.Linear(256, 2)

    def forward(self, x):
        x = torch.relu(self.dense(self.features(x).flatten(1)))
        return torch.softmax(self.out(self.drop(x)), 1)


def make_model():
    return Net()
"""


def settled(network: Any, channels: int, side: int, most: float = 1) -> Any:
    """Batch norms that have seen something, from -most to most."""
    import torch

    with torch.no_grad():
        for _ in range(20):
            network.train()((torch.rand(16, channels, side, side) * 2 - 1) * most)
    return network.eval()


def torchvision_mobilenet(folder: Path) -> tuple[str, ...]:
    import torch
    from torchvision.models import mobilenet_v2

    state = settled(mobilenet_v2(num_classes=3), 3, 64).state_dict()
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}, "epoch": 3}, folder / "net.pth")
    return ("net.pth", "--arch", "torchvision/mobilenet_v2", "--normalise", "imagenet", "--size", "64", *PAED)


def plain_cnn(folder: Path) -> tuple[str, ...]:
    import runpy

    import torch

    (folder / "my_net.py").write_text(NET)
    torch.save(runpy.run_path(str(folder / "my_net.py"))["make_model"]().state_dict(), folder / "net.pth")
    return (
        "net.pth", "--code", "my_net.py:make_model", "--normalise", "unit", "--size", "32",
        "--labels", "noncovid,covid", "--data", "ct_covid",
    )  # fmt: skip


def timm_mobilenet(folder: Path) -> tuple[str, ...]:
    import timm
    from safetensors.torch import save_file

    state = settled(timm.create_model("mobilenetv3_small_100", num_classes=3), 3, 64).state_dict()
    save_file({k: v.contiguous() for k, v in state.items()}, folder / "net.safetensors")
    return (
        "net.safetensors", "--arch", "timm/mobilenetv3_small_100", "--normalise", "inception", "--size", "64", *PAED,
    )  # fmt: skip


def xrv_densenet(folder: Path) -> tuple[str, ...]:
    import torch
    from torchvision.models import densenet121

    network = densenet121(num_classes=18)
    network.features.conv0 = torch.nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    state = settled(network, 1, 64, 1024).state_dict()
    torch.save({**state, "op_threshs": torch.full((18,), float("nan"))}, folder / "net.pt")
    return (
        "net.pt", "--arch", "torchvision/densenet121", "--input", "range=-1024..1024", "--size", "64",
        "--labels", XRV, "--data", "cxr_multilabel64",
    )  # fmt: skip


def other_names(folder: Path) -> tuple[str, ...]:
    import torch
    from torchvision.models import mobilenet_v2

    torch.save(settled(mobilenet_v2(num_classes=3), 3, 64).state_dict(), folder / "net.pth")
    return (
        "net.pth", "--arch", "timm/mobilenetv2_100", "--keys", "by-position", "--normalise", "imagenet", "--size", "64",
        *PAED,
    )  # fmt: skip


def eeea(folder: Path) -> tuple[str, ...]:
    import torch

    from cxredge.students.architectures import get_architecture

    network = get_architecture("cxredge/eeea_net_c2").make(3, 3, (64, 64))
    torch.save(settled(network, 3, 64).state_dict(), folder / "net.pth")
    return ("net.pth", "--arch", "cxredge/eeea_net_c2", "--normalise", "imagenet", "--size", "64", *PAED)


def ct_cnn(folder: Path) -> tuple[str, ...]:
    import torch

    from cxredge.students.architectures import get_architecture

    network = get_architecture("cxredge/ct_cnn").make(3, 2, (32, 32))
    torch.save(settled(network, 3, 32).state_dict(), folder / "net.pth")
    return (
        "net.pth", "--arch", "cxredge/ct_cnn", "--normalise", "unit", "--size", "32", "--labels", "noncovid,covid",
        "--data", "ct_covid",
    )  # fmt: skip


STUDENTS = {
    eeea: ("gradient", "single-label"),
    ct_cnn: ("none", "single-label"),
    torchvision_mobilenet: ("exact", "single-label"),
    plain_cnn: ("none", "single-label"),
    timm_mobilenet: ("gradient", "single-label"),
    xrv_densenet: ("exact", "multi-label"),
    other_names: ("exact", "single-label"),
}


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("make", STUDENTS, ids=lambda make: str(make.__name__))
def test_it_is_imported_and_built(
    make: Callable[[Path], tuple[str, ...]], tmp_path: Path, cxr_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With weights that were never trained: what is held is that every artifact says what the original says."""
    import torch

    torch.manual_seed(0)
    file, *options = make(tmp_path)
    told = must("import", file, *options, "--name", "mine", cwd=tmp_path, CXR_DATA=cxr_data)
    assert "decisions differ" in told
    place = tmp_path / "model_zoo" / "mine"
    recipe = load_recipe(place)
    assert recipe.original is not None
    # of 396 films and 18 labels one may lie within float32's noise of its point: untrained logits are all alike
    assert recipe.original.flips <= 1
    assert (recipe.heatmap, recipe.labels.kind) == STUDENTS[make]
    if make is xrv_densenet:
        assert recipe.labels.not_judged == tuple(XRV.split(",")[-4:])
    text = (place / "model.yaml").read_text()
    text = re.sub(r"(evaluation:\n(?:  #.*\n)*  split: \w+\n)", r"\1  chance: allowed\n", text)
    head, _, _ = text.partition("\ngates:\n")
    gates = "{fp32: {logit_sqnr_db: 60}, fp16: {logit_sqnr_db: 25}, w8a8: {flip_rate: 1}}"
    (place / "model.yaml").write_text(f"{head}\ngates: {gates}\n")
    verdicts = json.loads(must("build", place, "--json", "--out", tmp_path / "dist", cwd=tmp_path, CXR_DATA=cxr_data))
    assert {v["artifact"] for v in verdicts} == set(recipe.artifacts())
    assert all(v["passed"] for v in verdicts)
    (bundle,) = (tmp_path / "dist").glob("mine-1.0.0")
    assert "original" in must("verify", bundle, "--json", cwd=tmp_path, CXR_DATA=cxr_data)
