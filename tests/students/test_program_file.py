"""Programs in files: one spelling, the same answers, the network's own names, and plain layers."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from cxredge.errors import InputError
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.quantize.folding import fold_batch_norm, is_identity
from cxredge.quantize.rounding import round_weights
from cxredge.recipe_input import InputSpec
from cxredge.recipe_student import Normalise
from cxredge.students.program_file import program_bytes, read_program
from cxredge.students.program_student import ProgramStudent, Unflattened
from support.command import ROOT
from support.lowering import PERCENTILE
from support.program_networks import NETWORKS, SIDE, exported, network

DIGEST = """
import hashlib
from cxredge.students.program_file import program_bytes
from support.lowering import PERCENTILE
from support.program_networks import exported, network
for kind in ("shared", "constants", "several"):
    print(hashlib.sha256(program_bytes(exported(network(kind)))).hexdigest())
"""


@pytest.fixture(scope="module")
def written() -> dict[str, bytes]:
    return {kind: program_bytes(exported(network(kind))) for kind in NETWORKS}


@pytest.mark.parametrize("kind", NETWORKS)
def test_read_back_it_says_the_same(written: dict[str, bytes], kind: str) -> None:
    program = read_program(written[kind], "it")
    student = ProgramStudent(Normalise(), program, program.outputs)
    net = network(kind)
    torch.manual_seed(1)
    for count in (1, 2, 5):
        image = torch.rand(count, 1, SIDE, SIDE) * 255
        with torch.no_grad():
            wanted, found = net(image / 255), student(image)
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        assert list(found) == list(map(str, range(len(wanted))))
        for one, other in zip(found.values(), wanted, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_equal_programs_are_equal_bytes(written: dict[str, bytes], tmp_path: Path) -> None:
    kinds = ("shared", "constants", "several")
    here = [hashlib.sha256(written[kind]).hexdigest() for kind in kinds]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DIGEST],
        env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": str(ROOT / "tests")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == here
    again = [hashlib.sha256(program_bytes(exported(network(kind)))).hexdigest() for kind in kinds]
    assert again == here
    assert len(set(here)) == len(here)


def test_what_was_read_is_written_in_the_same_bytes(written: dict[str, bytes]) -> None:
    for kind in ("plain", "shared", "constants"):
        assert program_bytes(read_program(written[kind], "it").exported) == written[kind]


def test_no_folder_of_this_machine(written: dict[str, bytes]) -> None:
    here = {str(Path(torch.__file__).parents[1]) + "/": "", str(Path(__file__).parents[1]) + "/": ""}
    assert any(folder.encode() in written["plain"] for folder in here)
    clean = program_bytes(exported(network("plain")), here)
    assert not any(folder.encode() in clean for folder in here)
    assert b"support/program_networks.py" in clean
    torch.testing.assert_close(
        *(read_program(data, "it").exported.state_dict["classifier.weight"] for data in (clean, written["plain"])),
        rtol=0,
        atol=0,
    )


def test_an_archive_as_torch_wants_it(written: dict[str, bytes]) -> None:
    with zipfile.ZipFile(io.BytesIO(written["constants"])) as archive:
        entries = archive.infolist()
        assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
        for entry in entries:
            assert (entry.header_offset + 30 + len(entry.filename) + len(entry.extra)) % 64 == 0
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
    assert torch.export.load(io.BytesIO(written["constants"])).graph_signature.user_inputs == ("x",)


def test_names_and_plain_layers(written: dict[str, bytes]) -> None:
    made = Unflattened(read_program(written["squeezed"], "it").exported)
    for name, kind in {
        "features.0.0": nn.Conv2d,
        "features.0.1": nn.BatchNorm2d,
        "features.1.0": nn.Conv2d,
        "down": nn.Conv2d,
        "up": nn.Conv2d,
        "classifier": nn.Linear,
        "conv2d_4": nn.Conv2d,
    }.items():
        assert type(made.get_submodule(name)) is kind, name
    kept = {key for key in network("squeezed").state_dict() if key != "kernel"}
    assert set(made.state_dict()) == {*kept, "conv2d_4.weight"}
    assert not any(module.training for module in made.modules())


class InBackbone(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.backbone = net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.backbone(x)
        return found


@pytest.mark.parametrize("kind", ["plain", "squeezed"])
def test_folding_and_rounding_find_the_layers(kind: str) -> None:
    program = read_program(program_bytes(exported(InBackbone(network(kind)).eval())), "it")
    student = ProgramStudent(Normalise(), program, ("logits",)).eval()
    spec = InputSpec(channels=1, height=SIDE, width=SIDE, fit="squash")
    image = torch.randint(0, 256, (3, 1, SIDE, SIDE), dtype=torch.uint8)
    with torch.no_grad():
        before = student(image.float())["logits"]
        folded = fold_batch_norm(student, spec)
        after = folded(image.float())["logits"]
        rounded = round_weights(student, spec, CalibrationFilms(image.numpy(), PERCENTILE))
    norms = {name for name, module in folded.named_modules() if isinstance(module, nn.BatchNorm2d)}
    assert norms == {"backbone.features.0.1", "backbone.features.1.1"}
    assert all(is_identity(folded.state_dict(), name) for name in norms)
    torch.testing.assert_close(after, before, rtol=1e-5, atol=1e-5)
    changed = {key for key, tensor in rounded.state_dict().items() if not torch.equal(tensor, folded.state_dict()[key])}
    layers = {name for name, module in folded.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)}
    assert {key.rpartition(".")[0] for key in changed} == layers
    assert {f"{name}.weight" for name in layers} <= changed


class Windows(nn.Module):
    """Attention in windows: sizes that are products of the number of images."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.mix, self.head = nn.Conv2d(1, 4, 1), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x).permute(0, 2, 3, 1)
        n, h, w, c = x.shape
        parts = x.view(n, h // 4, 4, w // 4, 4, c).transpose(2, 3).reshape(-1, 16, c)
        parts = torch.softmax(self.mix(parts) @ parts.transpose(1, 2), -1) @ parts
        n = parts.shape[0] // (h * w // 16)
        x = parts.view(n, h // 4, w // 4, 4, 4, -1).transpose(2, 3).reshape(n, h, w, -1)
        found: torch.Tensor = self.head(x.mean((1, 2)))
        return found


def test_sizes_computed_from_the_number_of_images() -> None:
    net = Windows().eval()
    program = read_program(program_bytes(exported(net)), "it")
    student = ProgramStudent(Normalise(), program, ("logits",))
    for count in (1, 3):
        image = torch.rand(count, 1, SIDE, SIDE) * 255
        with torch.no_grad():
            torch.testing.assert_close(student(image)["logits"], net(image / 255), rtol=0, atol=0)


def test_calls_that_differ_are_modules_of_their_own(written: dict[str, bytes]) -> None:
    """With names that a program may have, and with the tensors of the first call."""
    student = Unflattened(read_program(written["resized"], "it").exported)
    assert isinstance(student.get_submodule("deep_call2.0.conv"), nn.Conv2d)
    assert isinstance(student.get_submodule("deep.1_call2.conv"), nn.Conv2d)
    assert {name.split("_call")[0] for name, _ in student.named_children()} == {"features", "deep", "classifier"}
    again = Unflattened(read_program(program_bytes(exported(student)), "it").exported)
    image = torch.rand(3, 1, SIDE, SIDE)
    with torch.no_grad():
        torch.testing.assert_close(again(image), network("resized")(image), rtol=0, atol=0)
    alike = Unflattened(read_program(written["shared"], "it").exported)
    assert not any("_call" in name for name, _ in alike.named_modules())


class Answers(nn.Module):
    """Answers what its function makes of a logit and a feature."""

    def __init__(self, form: Callable[[torch.Tensor, torch.Tensor], object]) -> None:
        super().__init__()
        self.form = form

    def forward(self, x: torch.Tensor) -> object:
        return self.form(x.mean((2, 3)), x.sum((2, 3)))


@pytest.mark.parametrize(
    ("form", "names"),
    [
        (lambda a, b: {"z": a, "logits": b}, ("z", "logits")),
        (lambda a, b: OrderedDict(b=b, a=a), ("b", "a")),
        (lambda a, b: {"\x1b[2J'); import os": a}, ("\x1b[2J'); import os",)),
        (lambda a, b: {7: b}, ("7",)),
        (lambda a, b: [a, b], ("0", "1")),
        (lambda a, b: {"inner": {"a": a, "b": b}}, ("0", "1")),
        (lambda a, b: a, ("0",)),
    ],
)
def test_outputs_have_their_names(form: Callable[[torch.Tensor, torch.Tensor], object], names: tuple[str, ...]) -> None:
    """Of a file that torch wrote."""
    buffer = io.BytesIO()
    torch.export.save(exported(Answers(form)), buffer)
    assert read_program(buffer.getvalue(), "it").outputs == names


class Counting(nn.Module):
    count: torch.Tensor

    def __init__(self, through: bool) -> None:
        super().__init__()
        self.through = through
        self.conv = nn.Conv2d(1, 2, 3)
        self.register_buffer("count", torch.zeros(2, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        (self.count.view(-1)[:1] if self.through else self.count).add_(1)
        found: torch.Tensor = self.conv(x).mean((2, 3)) + self.count.view(-1)
        return found


@pytest.mark.parametrize("through", [False, True])
def test_a_program_that_remembers_is_refused(through: bool) -> None:
    with pytest.raises(InputError) as caught:
        program_bytes(exported(Counting(through).eval()))
    assert caught.value.code == "PROGRAM-UNFIT"
    assert "changes count when it runs" in caught.value.cause


class Other(nn.Module):
    """Answers what its function makes of the image."""

    def forward(self, x: torch.Tensor) -> object:
        raise NotImplementedError


class Draws(Other):
    def forward(self, x: torch.Tensor) -> object:
        return x.mean((2, 3)) + torch.rand(1)


class Both(Other):
    def forward(self, x: torch.Tensor, y: torch.Tensor | None = None) -> object:
        assert y is not None
        return x + y


class Number(Other):
    def forward(self, x: torch.Tensor) -> object:
        return x.mean((2, 3)), 3


def test_an_operator_off_the_list_is_named_with_its_place() -> None:
    with pytest.raises(InputError) as caught:
        program_bytes(exported(Draws()))
    assert caught.value.code == "PROGRAM-OPERATOR"
    assert "torch.ops.aten.rand.default in module the network itself at test_program_file.py:" in caught.value.cause


def test_two_inputs_and_other_outputs() -> None:
    image = torch.zeros(2, 1, 4, 4)
    with pytest.raises(InputError) as caught:
        program_bytes(torch.export.export(Both(), (image, image)))
    assert (caught.value.code, "takes 2 inputs" in caught.value.cause) == ("PROGRAM-UNFIT", True)
    with pytest.raises(InputError) as caught:
        program_bytes(exported(Number()))
    assert (caught.value.code, "something else than tensors" in caught.value.cause) == ("PROGRAM-UNFIT", True)
