"""Originals in every form: what is taken, and with which words the others are refused."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from cxredge.errors import CxrError
from cxredge.images.film_file import FilmFile
from cxredge.importing.answers import original_answers, own_answers
from cxredge.importing.choosing import run
from cxredge.importing.making import Heads, fitted_quality, make_student
from cxredge.importing.network import Original, load_original
from cxredge.importing.plan import Source
from cxredge.importing.quality_program import pooled_of, with_quality
from cxredge.importing.transforms import Transform
from cxredge.importing.user_code import MODULE
from cxredge.recipe_input import InputSpec
from cxredge.recipe_student import Normalise
from cxredge.students.program_file import read_program
from cxredge.students.program_student import ProgramStudent
from support.program_networks import exported, network

SIZE = (16, 16)
NETS = """
import os, time
import torch
from torch import nn
from torch.nn import functional

class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.fc = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Linear(4, 2)
    def features(self, x): return self.norm(self.conv(x)).relu()
    def logits(self, x): return self.fc(self.features(x).mean((2, 3)))
    def forward(self, x): return self.logits(x)

class Training(Base):
    def forward(self, x):
        x = functional.batch_norm(self.conv(x), None, None, training=True)
        return self.fc(x.mean((2, 3)))
class Dropping(Base):
    def forward(self, x): return functional.dropout(self.logits(x), 0.5, True)
class Random(Base):
    def forward(self, x): return self.logits(x) + torch.rand_like(x)[:, 0, 0, :2]
class Noisy(Base):
    calls = 0
    def forward(self, x):
        self.calls += 1
        return self.logits(x) + self.calls
class Gpu(Base):
    def forward(self, x): return self.logits(x.to("cuda"))
class Eight(Base):
    def forward(self, x): return self.fc(self.features(x).reshape(8, 4, -1).mean(2))
class Shaped(Base):
    def forward(self, x): return self.fc(self.features(x).reshape(8, 4, 256).mean(2))
class Two(Base):
    def forward(self, x): return self.logits(x), self.features(x)
class Named(Base):
    def forward(self, x): return {"out": self.logits(x), "aux": self.logits(x) + 1}
class Wordy(Base):
    def forward(self, x): return {"logits": self.logits(x), "name": "it"}
class Maps(Base):
    def forward(self, x): return self.features(x)
class Whole(Base):
    def forward(self, x): return self.logits(x).argmax(1)
class Branch(Base):
    def forward(self, x): return self.logits(x) if x.sum() > 0 else self.logits(-x)
class Nan(Base):
    def forward(self, x): return self.logits(x) / (x[:, :1, 0, :1].flatten(1) * 0)
class Flat(Base):
    def forward(self, x): return self.logits(x)[:, 0]
class Squeezed(Base):
    def forward(self, x): return self.logits(x)[:, :1].squeeze()
class OneNumber(Base):
    def forward(self, x): return self.logits(x).mean()
class Called(Base):
    def forward(self, x): return self.logits(x) > 0
class NoneLeft(Base):
    def forward(self, x): return self.logits(x)[:, :0]
class Versioned(Base):
    _version = 2
    def _load_from_state_dict(self, state, prefix, metadata, *rest):
        assert metadata["version"] == 2, "a version that nobody wrote"
        super()._load_from_state_dict(state, prefix, metadata, *rest)
class InPlace(Base):
    def forward(self, x): return self.logits(x.sub_(0.5))
class Double(Base):
    def __init__(self):
        super().__init__()
        self.double()
class ByHand(Base):
    def forward(self, x): return torch.from_numpy(self.logits(x).numpy() * 2)
class Standardised(Base):
    def features(self, x):
        flat = self.conv.weight.reshape(1, len(self.conv.weight), -1)
        kernel = functional.batch_norm(flat, None, None, training=True)
        return functional.conv2d(x, kernel.reshape(self.conv.weight.shape), self.conv.bias, padding=self.conv.padding)
class Neighbours(Base):
    def forward(self, x): return self.logits(x - x.mean(0, keepdim=True))
class Counting(Base):
    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(1))
    def forward(self, x):
        self.seen.add_(1)
        return self.logits(x)
class Train(Base):
    def __init__(self):
        super().__init__()
        self.train()

def noise():
    return lambda picture: torch.rand(1, 16, 16)
def grey():
    return lambda picture: torch.ones(1, 16, 16)
def other():
    return lambda picture: torch.ones(3, 8, 8)
def fails():
    def run(picture): raise ValueError("no such picture")
    return run
def nothing(): return 3
"""
Loader = Callable[..., Original]


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Loader]:
    before = list(sys.path)
    (tmp_path / "nets.py").write_text(NETS)

    def load(factory: str, output: str | None = None, save: bool = True) -> Original:
        space: dict[str, Any] = {"__name__": "nets"}
        exec(NETS, space)
        torch.manual_seed(0)
        net = space[factory]()
        if save:
            torch.save(net.state_dict(), tmp_path / "it.pth")
        code = str(tmp_path / "nets.py")
        source = Source(file=str(tmp_path / "it.pth"), code=code, factory=factory, output=output)
        return load_original(source, 2, SIZE)

    yield load
    sys.path[:] = before
    sys.modules.pop(MODULE, None)


def refused(do: Callable[[], object]) -> CxrError:
    with pytest.raises(CxrError) as caught:
        do()
    return caught.value


@pytest.mark.parametrize(
    ("factory", "code", "words"),
    [
        ("Training", "IMPORT-TRAINING", "its batch_norm depends on the other images"),
        ("Dropping", "IMPORT-TRAINING", "its dropout depends on chance"),
        ("Random", "PROGRAM-OPERATOR", "torch.ops.aten.rand_like.default in module the network itself at nets.py:"),
        ("Gpu", "IMPORT-RUN", "does not run on float32[2, 1, 16, 16]: "),
        ("Eight", "IMPORT-BATCH", "gives 8 rows of logits for 2 images"),
        ("Shaped", "IMPORT-RUN", "shape '[8, 4, 256]' is invalid"),
        ("Double", "IMPORT-TENSOR", "conv.weight is float64"),
        ("Two", "IMPORT-OUTPUTS", "it has 2 outputs: 0, 1"),
        ("Named", "IMPORT-OUTPUTS", "it has 2 outputs: out, aux"),
        ("Maps", "IMPORT-OUTPUTS", "the output is float32[2, 4, 16, 16], and logits are float32[N, C]"),
        ("Whole", "IMPORT-OUTPUTS", "the output is int64[2]: it gives classes, not logits"),
        ("Called", "IMPORT-OUTPUTS", "the output is bool[2, 2]: it gives classes, not logits"),
        ("OneNumber", "IMPORT-OUTPUTS", "the output is float32[], and logits are float32[N, C]"),
        ("NoneLeft", "IMPORT-OUTPUTS", "the output is float32[2, 0], and logits are float32[N, C]"),
        ("Branch", "IMPORT-EXPORT", "torch.export cannot follow the network"),
        ("ByHand", "IMPORT-EXPORT", "torch.export cannot follow the network"),
        ("Counting", "PROGRAM-UNFIT", "changes net.seen when it runs"),
    ],
)
def test_what_is_refused(load: Loader, factory: str, code: str, words: str) -> None:
    error = refused(lambda: load(factory))
    assert error.code == code, error.text()
    assert words.replace("net.seen", "seen") in error.cause
    assert "\n" not in error.cause


def test_a_gpu_is_named_in_the_fix(load: Loader) -> None:
    assert "no GPU is used here" in refused(lambda: load("Gpu")).fix


def test_outputs_are_chosen(load: Loader) -> None:
    original = load("Named", output="aux")
    assert (original.outputs, original.output, original.place) == (("out", "aux"), "aux", 1)
    torch.testing.assert_close(
        run(original.net, torch.zeros(1, 1, *SIZE)) - 1,
        run(load("Named", output="out", save=False).net, torch.zeros(1, 1, *SIZE)),
    )
    error = refused(lambda: load("Named", output="auks"))
    assert (error.code, error.choices[0]) == ("IMPORT-OUTPUTS", "aux")
    assert load("Two", output="0").output == "0"


def test_what_is_no_tensor_beside_the_logits_does_not_matter(load: Loader) -> None:
    original = load("Wordy")
    assert (original.outputs, original.output, original.place) == (("logits",), "logits", 0)
    assert read_program(original.program, "it").outputs == ("0",)


def test_what_depends_on_the_other_films(load: Loader) -> None:
    original = load("Neighbours")
    image = torch.randint(0, 256, (5, 1, *SIZE), dtype=torch.uint8)
    error = refused(lambda: original_answers(original, Normalise(), image))
    assert (error.code, "alone than among others" in error.cause) == ("IMPORT-BATCH", True)


@pytest.mark.parametrize("factory", ["Base", "Train", "Flat", "Squeezed", "InPlace", "Standardised", "Versioned"])
def test_what_is_taken(load: Loader, factory: str) -> None:
    """Training mode left, one logit as a column, an image that is changed in place, tensors that have a version."""
    original = load(factory)
    image = torch.randint(0, 256, (3, 1, *SIZE), dtype=torch.uint8)
    said = original_answers(original, Normalise(), image)
    assert said.dtype == torch.float32
    assert said.shape == (3, 1 if factory in ("Flat", "Squeezed") else 2)
    assert not original.net.training


@pytest.mark.parametrize(
    ("known", "end"),
    [
        (True, "sigmoid"),
        (False, None),
        *(pytest.param(k, e, marks=pytest.mark.slow) for k, e in ((True, None), (False, "sigmoid"))),
    ],
)
def test_one_number_a_film_is_one_logit(tmp_path: Path, known: bool, end: str | None) -> None:
    """As a program, and in the student that it becomes: of a head that is known, and of one that is not."""

    def last(z: Tensor) -> Tensor:
        z = (z if known else functional.elu(z))[:, :1]
        return (z if end is None else torch.sigmoid(z))[:, 0]

    net = Ended(last).eval()
    original = load_original(program(tmp_path, net), 1, None)
    made = make_student(original, Normalise(), None)
    assert (made.count, made.divided.probability) == (1, end)
    assert made.divided.heatmap == ("exact" if known else "none")
    student = ProgramStudent(Normalise(), read_program(made.program, "it"), made.outputs)
    for count in (1, 3):
        image = torch.rand(count, 1, *SIZE) * 255
        with torch.no_grad():
            wanted, found = net(image / 255)[:, None], student(image)["logits"]
            torch.testing.assert_close(run(original.net, image / 255), wanted, rtol=0, atol=0)
        assert found.shape == (count, 1)
        torch.testing.assert_close(found if end is None else torch.sigmoid(found), wanted, rtol=1e-5, atol=1e-6)


def test_a_program_that_gives_classes(tmp_path: Path) -> None:
    error = refused(lambda: load_original(program(tmp_path, Ended(lambda z: z.argmax(1)).eval()), 2, None))
    assert (error.code, "int64[2]: it gives classes, not logits" in error.cause) == ("IMPORT-OUTPUTS", True)


def test_other_answers_the_second_time(load: Loader) -> None:
    image = torch.zeros(3, 1, *SIZE, dtype=torch.uint8)
    original = load("Noisy")
    assert refused(lambda: original_answers(original, Normalise(), image)).code == "IMPORT-RANDOM"
    original = load("Nan")
    assert refused(lambda: original_answers(original, Normalise(), image)).code == "IMPORT-NAN"


def test_tensors_alone_are_no_network(load: Loader, tmp_path: Path) -> None:
    load("Base")
    error = refused(lambda: load_original(Source(file=str(tmp_path / "it.pth")), 2, SIZE))
    assert (error.code, "tensors without the network" in error.cause) == ("IMPORT-ARCH", True)


def program(tmp_path: Path, net: nn.Module, image: Tensor | None = None, fixed: bool = False) -> Source:
    place = tmp_path / "it.pt2"
    torch.export.save(exported(net) if image is None and not fixed else fixed_program(net, image), place)
    return Source(file=str(place))


def fixed_program(net: nn.Module, image: Tensor | None) -> torch.export.ExportedProgram:
    return torch.export.export(net, (torch.zeros(8, 1, *SIZE) if image is None else image,))


@pytest.mark.parametrize("kind", ["plain", "shuffled"])
def test_a_program(tmp_path: Path, kind: str) -> None:
    net = network(kind)
    original = load_original(program(tmp_path, net), 2, None)
    assert (original.size, original.channels, original.outputs) == (SIZE, 1, ("0",))
    image = torch.rand(3, 1, *SIZE)
    with torch.no_grad():
        torch.testing.assert_close(run(original.net, image), net(image), rtol=0, atol=0)
    assert str(tmp_path).encode() not in original.program


def test_a_program_for_eight_images(tmp_path: Path) -> None:
    """Taken, where nothing but the export was for eight; refused, where a shape in it is."""
    net = network("plain")
    original = load_original(program(tmp_path, net, fixed=True), 2, None)
    image = torch.rand(3, 1, *SIZE)
    with torch.no_grad():
        torch.testing.assert_close(run(original.net, image), net(image), rtol=0, atol=0)
    source = program(tmp_path, network("shuffled"), fixed=True)
    error = refused(lambda: load_original(source, 2, None))
    assert error.code in ("IMPORT-EXPORT", "IMPORT-BATCH", "IMPORT-RUN")


def test_a_program_for_two_images_alone(tmp_path: Path) -> None:
    """As many as it is exported with again here: its shape is found in the program, and not by running it."""
    source = program(tmp_path, Ended(lambda z: z.reshape(2, 2)).eval(), torch.zeros(2, 1, *SIZE))
    error = refused(lambda: load_original(source, 2, None))
    assert (error.code, "was exported for 2 images at a time" in error.cause) == ("IMPORT-BATCH", True)
    assert "export it for any number" in error.fix


@pytest.mark.parametrize("multiple", [1, 4])
def test_a_program_whose_size_is_open(tmp_path: Path, multiple: int) -> None:
    """Taken for the asked size, or for that which it was exported with, which is said."""
    net, sizes = nn.Sequential(nn.Conv2d(1, 2, 4, 4), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval(), ("rows", "columns")
    sides = {axis: torch.export.Dim(name, min=2) * multiple for axis, name in zip((2, 3), sizes, strict=True)}
    if multiple == 1:
        sides = dict.fromkeys(sides, torch.export.Dim.AUTO)
    sides[0] = torch.export.Dim("films") if multiple > 1 else torch.export.Dim.AUTO
    torch.export.save(
        torch.export.export(net, (torch.zeros(2, 1, 64, 48),), dynamic_shapes=(sides,)), tmp_path / "it.pt2"
    )
    source = Source(file=str(tmp_path / "it.pt2"))
    for asked, wanted, words in (
        ((32, 36), (32, 36), "as --size says"),
        (None, (64, 48), "which it was exported with"),
    ):
        original = load_original(source, 2, asked)
        assert original.size == wanted
        assert original.read.notes[0].endswith(f"it is taken for {wanted[0]} x {wanted[1]}, {words}")
        image = torch.rand(3, 1, *wanted)
        with torch.no_grad():
            torch.testing.assert_close(run(original.net, image), net(image), rtol=0, atol=0)


def test_a_program_of_modules_that_are_called_again(tmp_path: Path) -> None:
    net = network("resized")
    original = load_original(program(tmp_path, net), 2, None)
    made = make_student(original, Normalise(), None)
    student = ProgramStudent(Normalise(), read_program(made.program, "it"), made.outputs)
    image = torch.rand(3, 1, *SIZE) * 255
    with torch.no_grad():
        torch.testing.assert_close(run(original.net, image / 255), net(image / 255), rtol=0, atol=0)
        torch.testing.assert_close(student(image)["logits"], net(image / 255), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_versions_of_torchvision_s_own_are_right(tmp_path: Path) -> None:
    from torchvision.models import mnasnet0_5

    net = mnasnet0_5(num_classes=2).eval()
    torch.save(net.state_dict(), tmp_path / "it.pth")
    original = load_original(Source(file=str(tmp_path / "it.pth"), arch="torchvision/mnasnet0_5"), 2, (32, 32))
    image = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(run(original.net, image), net(image), rtol=0, atol=0)


def test_a_dry_run_need_not_name_labels(tmp_path: Path) -> None:
    from torchvision.models import squeezenet1_1

    torch.save(squeezenet1_1(num_classes=7).state_dict(), tmp_path / "it.pth")
    original = load_original(Source(file=str(tmp_path / "it.pth"), arch="torchvision/squeezenet1_1"), 0, (32, 32))
    assert run(original.net, torch.zeros(1, 3, 32, 32)).shape == (1, 7)


class Ended(nn.Module):
    """A network, and what is done to its answer."""

    def __init__(self, end: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.net, self.end = network("plain"), end

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.net(x))


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (lambda z: functional.dropout(z, 0.5, True), "its dropout depends on chance"),
        (lambda z: functional.batch_norm(z, None, None, training=True), "its batch_norm depends on the other images"),
    ],
)
def test_a_program_in_training(tmp_path: Path, end: Callable[[Tensor], Tensor], words: str) -> None:
    source = program(tmp_path, Ended(end).eval())
    error = refused(lambda: load_original(source, 2, None))
    assert (error.code, words in error.cause) == ("IMPORT-TRAINING", True)
    assert "network.eval()" in error.fix


def test_a_program_whose_batch_norms_learn(tmp_path: Path) -> None:
    source = program(tmp_path, network("plain").train())
    error = refused(lambda: load_original(source, 2, None))
    assert (error.code, "call network.eval() before" in error.cause) == ("PROGRAM-UNFIT", True)
    assert "features.0.1" in error.cause


def test_programs_that_are_none_of_images(tmp_path: Path) -> None:
    source = program(tmp_path, nn.Linear(3, 2).eval(), torch.zeros(2, 3))
    error = refused(lambda: load_original(source, 2, None))
    assert (error.code, "float32 of 2 dimensions" in error.cause) == ("IMPORT-INPUT", True)
    source = program(tmp_path, nn.Conv2d(1, 2, 16).double().eval(), torch.zeros(2, 1, *SIZE).double())
    error = refused(lambda: load_original(source, 2, None))
    assert (error.code, "float64 of 4 dimensions" in error.cause) == ("IMPORT-INPUT", True)
    error = refused(lambda: load_original(source.model_copy(update={"arch": "timm/resnet18"}), 2, None))
    assert (error.code, "a network by itself" in error.cause) == ("IMPORT-ARCH", True)


def test_a_novelty_score_needs_features_and_films(load: Loader) -> None:
    image = torch.randint(0, 256, (30, 1, *SIZE), dtype=torch.uint8)
    original = load("Base")
    made = make_student(original, Normalise(), image)
    assert (made.rank, made.count, made.divided.heatmap) == (3, 2, "exact")
    error = refused(lambda: make_student(original, Normalise(), image[:19]))
    assert (error.code, error.cause[:18]) == ("IMPORT-NOVELTY", "19 training films ")


def test_a_quality_head_is_fitted_and_can_be_fitted_again(load: Loader) -> None:
    image = torch.randint(0, 256, (30, 1, *SIZE), dtype=torch.uint8)
    spec = InputSpec(height=SIZE[0], width=SIZE[1], fit="pad")

    def student(program: bytes, names: tuple[str, ...]) -> ProgramStudent:
        return ProgramStudent(Normalise(), read_program(program, "it"), names).eval()

    made = make_student(load("Base"), Normalise(), image, Heads(spec=spec))
    assert (made.outputs, made.no_quality) == (("logits", "cam", "novelty", "quality"), None)
    whole = student(made.program, made.outputs)
    plain = make_student(load("Base"), Normalise(), image)
    assert (plain.outputs, plain.no_quality) == (("logits", "cam", "novelty"), "not asked for")
    # the same head in the program that was made without one, and in the place of another
    for before in (student(plain.program, plain.outputs), whole):
        head = fitted_quality(lambda x, s=before: pooled_of(s, x), image, spec)
        again = student(with_quality(before, head, spec), made.outputs)
        with torch.no_grad():
            for name, values in whole(image.float()).items():
                assert torch.allclose(again(image.float())[name], values, atol=1e-3), name


def test_a_quality_head_is_left_out_where_it_cannot_be_fitted(load: Loader) -> None:
    image = torch.randint(0, 256, (19, 1, *SIZE), dtype=torch.uint8)
    heads = Heads(novelty=False, spec=InputSpec(height=SIZE[0], width=SIZE[1], fit="pad"))
    made = make_student(load("Base"), Normalise(), image, heads)
    assert made.outputs == ("logits", "cam")
    assert made.no_quality == "19 training films, and it is fitted to 20 or more"
    bare = ProgramStudent(Normalise(), read_program(made.program, "it"), made.outputs).eval()
    del bare.backbone
    error = refused(lambda: pooled_of(bare, image.float()))
    assert error.code == "QUALITY-PROGRAM"


@pytest.fixture
def film(tmp_path: Path) -> FilmFile:
    from PIL import Image

    from cxredge.files import sha256_file

    Image.effect_noise((40, 30), 50).save(tmp_path / "film.png")
    return FilmFile(tmp_path / "film.png", sha256_file(tmp_path / "film.png"))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("noise", "it is random"),
        ("other", "gives [3, 8, 8], and the original was exported for [1, 16, 16]"),
        ("fails", "fails: ValueError: no such picture"),
        ("nothing", "gives a int, which cannot be called with an image"),
        ("torchvision/mobilenet_v9", "no transform is called torchvision/mobilenet_v9"),
        ("timm/mobilenetv3_smal_100", "no transform is called"),
        ("imagenet", "no transform is called imagenet"),
    ],
)
def test_transforms_that_are_refused(load: Loader, film: FilmFile, tmp_path: Path, said: str, words: str) -> None:
    load("Base")
    name = said if "/" in said or said == "imagenet" else f"{tmp_path / 'nets.py'}:{said}"
    spec = InputSpec(channels=1, height=16, width=16, fit="squash")
    error = refused(lambda: Transform(name, 1, SIZE).of(film, spec))
    assert error.code == "IMPORT-TRANSFORM", error.text()
    assert words in error.cause


def test_transforms_that_are_taken(load: Loader, film: FilmFile, tmp_path: Path) -> None:
    original = load("Base")
    spec = InputSpec(channels=1, height=16, width=16, fit="squash")
    said = own_answers(original, Transform(f"{tmp_path / 'nets.py'}:grey", 1, SIZE), [film], spec)
    torch.testing.assert_close(said, run(original.net, torch.ones(1, 1, *SIZE)), rtol=0, atol=0)
    of_vision = Transform("torchvision/mobilenet_v2", 3, (224, 224)).of(film, spec)
    assert of_vision.shape == (3, 224, 224)
    assert Transform("timm/mobilenetv3_small_100", 3, (224, 224)).of(film, spec).shape == (3, 224, 224)
