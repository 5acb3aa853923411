"""Networks that end, hang or shout, seen from outside: one error each, and nothing that stays."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cxredge.errors import InputError
from cxredge.importing.plan import Source, Wanted
from cxredge.recipe_student import Normalise
from cxredge.statistics.probabilities import Kind
from cxredge.workers.jobs.import_network import check_end
from cxredge.workflows.import_network import look
from cxredge.workflows.imported_recipe import check_logits

CODE = """
import os, time
from torch import nn
print("hello from the network")
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
    def forward(self, x): return self.conv(x).mean((2, 3))
class Aborts(Net):
    def forward(self, x): os.abort()
class Leaves(Net):
    def forward(self, x): os._exit(0)
class Odd(BaseException): pass
class Raises(Net):
    def forward(self, x): raise Odd("by hand")
class Exits(Net):
    def forward(self, x): raise SystemExit(3)
class Hangs(Net):
    def forward(self, x): time.sleep(1000)
class Ends(nn.Sequential):
    def __init__(self): super().__init__(Net(), nn.Softmax(1))
"""


def source(folder: Path, factory: str) -> Source:
    (folder / "nets.py").write_text(CODE)
    torch.manual_seed(0)
    plain = nn.Conv2d(1, 2, 3).state_dict()
    prefix = "0.conv" if factory == "Ends" else "conv"
    torch.save({f"{prefix}.{key}": tensor for key, tensor in plain.items()}, folder / "it.pth")
    return Source(file=str(folder / "it.pth"), code=str(folder / "nets.py"), factory=factory)


WANTED = Wanted(size=(16, 16), normalise=Normalise())


@pytest.mark.parametrize("factory", ["Aborts", "Leaves"])
def test_a_network_that_ends_its_process(tmp_path: Path, factory: str) -> None:
    with pytest.raises(InputError) as caught:
        look(source(tmp_path, factory), WANTED, 2)
    assert caught.value.code == "IMPORT-CRASHED"
    assert ("SIGABRT" if factory == "Aborts" else "status 0") in caught.value.cause


def test_a_network_that_hangs(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(InputError) as caught:
        look(source(tmp_path, "Hangs"), WANTED, 2, patience=15)
    assert caught.value.code == "IMPORT-CRASHED"
    assert "the network took more than 15 s to be made and exported" in caught.value.cause
    assert time.monotonic() - began < 120


def test_a_network_that_prints_and_ends_in_a_softmax(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = set(tmp_path.iterdir())
    found = look(source(tmp_path, "Ends"), WANTED, 2)
    assert set(tmp_path.iterdir()) - before <= {tmp_path / "nets.py", tmp_path / "it.pth", tmp_path / "__pycache__"}
    assert (found.count, found.probability, found.heatmap) == (2, "softmax", "exact")
    assert "hello" not in capfd.readouterr().out


def test_ends_that_are_not_of_the_labels() -> None:
    check_end(2, "softmax", 2, "single-label")
    check_end(2, "softmax", 0, None)
    check_end(2, None, 2, "multi-label")
    for probability, labels, kind, code in (
        ("softmax", 2, "multi-label", "IMPORT-KIND"),
        ("sigmoid", 2, "single-label", "IMPORT-KIND"),
        ("softmax", 3, "single-label", "IMPORT-LABELS"),
        (None, 1, None, "IMPORT-LABELS"),
    ):
        with pytest.raises(InputError) as caught:
            check_end(2, probability, labels, kind)  # type: ignore[arg-type]
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("kind", "columns", "summing", "words"),
    [
        ("single-label", 3, True, "add up to 1: they are probabilities"),
        ("single-label", 3, False, None),  # of a classifier that ends in ReLU, or is barely trained
        ("multi-label", 3, False, "nothing tells whether these are logits or probabilities"),
        ("multi-label", 3, True, "nothing tells whether these are logits or probabilities"),
        ("single-label", 1, False, "nothing tells whether these are logits or probabilities"),
    ],
)
def test_answers_between_0_and_1(kind: Kind, columns: int, summing: bool, words: str | None) -> None:
    said = np.random.default_rng(0).random((8, columns)).astype(np.float32)
    if summing:
        said /= said.sum(1, keepdims=True)
    check_logits({"val.logits": said, "test.logits": said - 0.5}, kind)
    check_logits({"val.logits": said, "test.logits": said + 1}, kind)
    both = {"val.logits": said, "test.logits": said}
    if words is None:
        check_logits(both, kind)
        return
    with pytest.raises(InputError, match=words) as caught:
        check_logits(both, kind)
    assert caught.value.code == "IMPORT-PROBABILITY"


def test_one_film_that_does_not_add_up_tells_logits() -> None:
    shares = np.full((8, 4), 0.25, np.float32)
    other = shares.copy()
    other[3, 0] += 0.01
    check_logits({"val.logits": shares, "test.logits": other}, "single-label")


@pytest.mark.parametrize(("factory", "words"), [("Raises", "Odd: by hand (at nets.py:"), ("Exits", "SystemExit: 3")])
def test_a_network_that_raises_what_nobody_expects(tmp_path: Path, factory: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        look(source(tmp_path, factory), WANTED, 2)
    assert caught.value.code == "IMPORT-RUN"
    assert words in caught.value.cause
