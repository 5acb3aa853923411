"""A recipe's keep_float, on every target: what it names is float in the file, and nothing else is."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cxredge.errors import InputError
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.recipe import Recipe
from cxredge.results import Artifact, Operation
from cxredge.targets import TARGETS, get_target
from cxredge.targets.base import Target
from cxredge.vocabulary import INTEGER_SCHEMES, SchemeName
from support.lowering import PERCENTILE, Lowered
from support.lowering import lower as lower_schemes

if TYPE_CHECKING:
    from cxredge.students.backbone_student import BackboneStudent

PROJECT = "backbone.block.project.0"
QUANTISE = ("XNNConvert", "QUANTIZE", "QuantizeLinear", "quantize")


@dataclass(frozen=True)
class Lowerer:
    """Lowers to one target, with modules kept in all its INT8 schemes."""

    target: Target
    recipe: Recipe
    folder: Path

    @property
    def schemes(self) -> list[SchemeName]:
        return [s for s in self.target.schemes if s in INTEGER_SCHEMES]

    def __call__(
        self,
        student: BackboneStudent,
        keep: Sequence[str],
        schemes: Sequence[SchemeName] = ("w8a8",),
        kept: Sequence[SchemeName] = INTEGER_SCHEMES,  # type: ignore[assignment]
    ) -> dict[str, Artifact]:
        from support.tiny_student import films

        keeps = {f"{self.target.name}/{scheme}": tuple(keep) for scheme in kept} if keep else {}
        recipe = self.recipe.model_copy(update={"keep_float": keeps})
        calibration = CalibrationFilms(films(24, 2), PERCENTILE)
        made = lower_schemes(self.target, student, schemes, recipe, calibration, self.folder)
        return {a.scheme: a for a in made}

    def operations(self, artifact: Artifact) -> tuple[Operation, ...]:
        return self.target.read(self.folder / artifact.file).operations

    def sqnr_db(self, student: BackboneStudent, artifact: Artifact) -> float:
        """Of the logits on other films than those of the calibration."""
        import torch

        from support.tiny_student import films

        images = films(8, 3).astype(np.float32)
        with torch.no_grad():
            signal = student(torch.from_numpy(images))["logits"].double().numpy()
        with self.target.open(self.folder / artifact.file) as runner:
            found = np.concatenate([runner.run(image[None])["logits"] for image in images])
        return float(10 * np.log10((signal**2).sum() / ((signal - found) ** 2).sum()))


@pytest.fixture(params=sorted(TARGETS))
def lower(request: pytest.FixtureRequest, recipe: Recipe, tmp_path: Path) -> Lowerer:
    return Lowerer(get_target(request.param), recipe, tmp_path)


def convolutions(student: BackboneStudent) -> dict[str, int]:
    """Number of weights of each convolution, in the order of execution."""
    from torch import nn

    return {name: m.weight.numel() for name, m in student.named_modules() if isinstance(m, nn.Conv2d)}


def is_convolution(operation: Operation) -> bool:
    return "conv" in operation.type.lower() and operation.type != "XNNConvert"


def float_convolutions(student: BackboneStudent, operations: Sequence[Operation]) -> list[str]:
    """Convolutions whose operator reads its whole weight in float32 or float16."""
    sizes = convolutions(student)
    found = [o for o in operations if is_convolution(o)]
    assert len(found) == len(sizes)
    return [
        name
        for (name, size), o in zip(sizes.items(), found, strict=True)
        if o.weight_dtype in ("float32", "float16") and o.weight_bytes >= 2 * size
    ]


def int8_bytes(operations: Sequence[Operation]) -> int:
    return sum(o.weight_bytes for o in operations if o.weight_dtype == "int8")


def test_what_is_kept_is_float_and_the_rest_is_int8(lower: Lowerer) -> None:
    from support.tiny_student import make_student

    student = make_student()
    made = lower(student, [r"backbone\.block\.project\.1"], lower.schemes)
    asked = sum(n for name, n in convolutions(student).items() if name not in (PROJECT, "head"))
    for artifact in made.values():
        assert artifact.kept_float == (PROJECT,)
        operations = lower.operations(artifact)
        assert float_convolutions(student, operations) == [PROJECT, "head"]
        int8 = artifact.census.weight_bytes["int8"]
        # Core ML has a zero point for every channel beside the weights
        assert asked <= int8 <= 1.05 * asked
        assert artifact.delegation is None or artifact.delegation.partitions == 1
        assert lower.sqnr_db(student, artifact) > 15


def test_kept_weights_are_the_students_own_and_keeping_comes_nearer(
    lowered: Lowered, recipe: Recipe, tmp_path: Path
) -> None:
    from cxredge.quantize.folding import fold_batch_norm
    from support.tiny_student import make_student

    lower, student = Lowerer(lowered.target, recipe, tmp_path), make_student()
    weight = fold_batch_norm(student, recipe.input).get_submodule(PROJECT).weight.detach()
    halves = lower.target.computes_in_half
    stored = (weight.half() if halves else weight).numpy().tobytes()
    made = lower(student, [PROJECT.replace(".", r"\."), r".*\.stem", r".*\.expand", r".*\.depthwise"])["w8a8"]
    plain = Lowerer(lowered.target, recipe, lowered.folder)
    assert lower.sqnr_db(student, made) > plain.sqnr_db(student, lowered.artifacts["w8a8"])
    for path, held in ((tmp_path / made.file, True), (lowered.folder / lowered.artifacts["w8a8"].file, False)):
        data = path.read_bytes()
        if halves:
            with zipfile.ZipFile(path) as archive:
                data = b"".join(archive.read(name) for name in archive.namelist())
        assert (stored in data) == held


@pytest.mark.slow
def test_a_hot_channel_is_rescued_by_its_producer_and_its_consumers(lower: Lowerer) -> None:
    from support.hot_channel import heat
    from support.tiny_student import make_student

    student, consumers = heat(make_student(skip=False), PROJECT, lower.recipe.input, 300.0)
    assert consumers == ["backbone.last.0"]
    assert lower.sqnr_db(student, lower(student, ())["w8a8"]) < 5
    made = lower(student, [name.replace(".", r"\.") for name in (PROJECT, *consumers)])["w8a8"]
    assert lower.sqnr_db(student, made) > 30
    # nothing is quantised between the two, nor behind them
    operations = lower.operations(made)
    assert float_convolutions(student, operations) == [PROJECT, "backbone.last.0", "head"]
    places = [n for n, o in enumerate(operations) if is_convolution(o)]
    assert not [o.type for o in operations[places[3] :] if o.type in QUANTISE]


@pytest.mark.slow
def test_a_third_reader_in_int8_quantises_nothing_between_two_in_float(lower: Lowerer) -> None:
    """The stem is read by ``expand``, kept as it is, and by the addition, which is INT8."""
    from support.tiny_student import make_student

    student = make_student()
    made = lower(student, [r"backbone\.stem", r"backbone\.block\.(expand|depthwise|project)"])["w8a8"]
    operations = lower.operations(made)
    assert float_convolutions(student, operations) == [n for n in convolutions(student) if n != "backbone.last.0"]
    assert int8_bytes(operations) > 0
    reads = {"onnx": _onnx_reads, "tflite": _tflite_reads, "coreml": _coreml_reads}
    if lower.target.name in reads:
        first = reads[lower.target.name](lower.folder / made.file)
        assert first[:4] == [False, False, False, False]
    else:  # XNNPACK: into INT8 for the addition's two inputs, and back for head and novelty
        assert [o.dtype for o in operations if o.type == "XNNConvert"] == ["int8", "int8", "float32"]


def _onnx_reads(path: Path) -> list[bool]:
    """For each convolution, whether it reads a dequantised tensor."""
    import onnx

    graph = onnx.load(path).graph
    back = {o for n in graph.node if n.op_type == "DequantizeLinear" for o in n.output}
    return [n.input[0] in back for n in graph.node if n.op_type == "Conv"]


def _coreml_reads(path: Path) -> list[bool]:
    from cxredge.mlprogram.graph import read_graph

    graph = read_graph(path)
    back = {name for n in graph.nodes if n.type == "dequantize" for name, _ in n.outputs}
    return [n.arguments["x"][0] in back for n in graph.nodes if n.type == "conv"]


def _tflite_reads(path: Path) -> list[bool]:
    from cxredge.targets.tflite.metadata import unpack

    model = unpack(path.read_bytes())
    (graph,) = model.subgraphs
    kinds = [model.operatorCodes[o.opcodeIndex].builtinCode for o in graph.operators]
    back = {int(o.outputs[0]) for o, kind in zip(graph.operators, kinds, strict=True) if kind == 6}
    convolutions = [o for o, kind in zip(graph.operators, kinds, strict=True) if kind in (3, 4)]
    return [int(o.inputs[0]) in back or graph.tensors[o.inputs[0]].type != 0 for o in convolutions]


@pytest.mark.slow
def test_what_is_not_named_keeps_its_bytes(lowered: Lowered, recipe: Recipe, tmp_path: Path) -> None:
    from support.tiny_student import make_student

    lower, student = Lowerer(lowered.target, recipe, tmp_path), make_student()
    keep = [r"backbone\.stem"]
    alone = lower(student, keep)["w8a8"].sha256
    assert alone != lowered.artifacts["w8a8"].sha256
    mixed = lower(student, keep, lowered.target.schemes, ["w8a8"])
    assert {s: a.sha256 for s, a in mixed.items()} == {
        s: alone if s == "w8a8" else a.sha256 for s, a in lowered.artifacts.items()
    }


def test_keeping_all_is_refused(lower: Lowerer) -> None:
    from support.tiny_student import make_student

    with pytest.raises(InputError) as caught:
        lower(make_student(), [r"backbone"])
    assert caught.value.code == "KEEP-FLOAT-ALL"
    assert f"{lower.target.name}/w8a8" in caught.value.cause
    assert not list(lower.folder.iterdir())


def test_an_unknown_module_is_refused_before_anything_is_made(lower: Lowerer) -> None:
    from support.tiny_student import make_student

    with pytest.raises(InputError) as caught:
        lower(make_student(), [r"backbone\.blok"])
    assert caught.value.code == "KEEP-FLOAT"
    assert not list(lower.folder.iterdir())


@pytest.fixture(scope="module")
def networks() -> Callable[[str], BackboneStudent]:
    """Networks of timm."""
    made: dict[str, BackboneStudent] = {}

    def get(name: str) -> BackboneStudent:
        from support.tiny_student import make_timm_student

        if name not in made:
            made[name] = make_timm_student(name)
        return made[name]

    return get


MOBILENETV3 = "timm/mobilenetv3_small_050"


@pytest.mark.parametrize(
    ("name", "keep", "least", "target"),
    [
        # a convolution whose output is pooled and weighted (squeeze-excite), and a whole block with its additions
        (MOBILENETV3, [r".*\.blocks\.0\.0\.conv_dw", r".*\.blocks\.1"], 4, "onnx"),
        *(
            pytest.param(*case, target, marks=pytest.mark.slow)
            for case in (
                (MOBILENETV3, [r".*\.blocks\.0\.0\.conv_dw", r".*\.blocks\.1"], 4),
                (MOBILENETV3, [r".*\.se\.conv_expand", r".*\.bn1\.act"], 9),
                ("timm/efficientnet_lite0", [r".*\.conv_stem", r".*\.conv_pwl"], 16),
            )
            for target in sorted(TARGETS)
        ),
    ],
)
def test_real_networks_are_kept_as_named(
    recipe: Recipe,
    tmp_path: Path,
    networks: Callable[[str], BackboneStudent],
    name: str,
    keep: list[str],
    least: int,
    target: str,
) -> None:
    from cxredge.quantize.units import kept_modules

    lower = Lowerer(get_target(target), recipe, tmp_path)
    student = networks(name)
    made = lower(student, keep, lower.schemes)
    kept = kept_modules(student, lower.recipe.input, keep)
    expected = sorted(n for n in convolutions(student) if n in kept)
    assert len(expected) >= least
    for artifact in made.values():
        assert set(expected) <= set(artifact.kept_float)
        assert artifact.delegation is None or artifact.delegation.share() > 0.9
        assert np.isfinite(lower.sqnr_db(student, artifact))
        found = float_convolutions(student, lower.operations(artifact))
        assert sorted(found) == sorted([*expected, "head"])


def test_core_ml_quantises_nothing_behind_a_kept_activation(recipe: Recipe, tmp_path: Path) -> None:
    """Its pass quantises behind convolution and sigmoid in one, if the convolution is quantised."""
    from torch import nn

    from cxredge.mlprogram.graph import read_graph
    from cxredge.students.backbone_student import BackboneStudent

    backbone = nn.Sequential(nn.Conv2d(1, 16, 3, 4, 1), nn.Sigmoid(), nn.Conv2d(16, 32, 3), nn.Conv2d(32, 32, 1))
    student = BackboneStudent(backbone, 32, 3, 4).eval()
    lower = Lowerer(get_target("coreml"), recipe, tmp_path)
    made = lower(student, [r"backbone\.1", r"backbone\.2"])["w8a8"]
    assert made.kept_float == ("backbone.1", "backbone.2")
    graph = read_graph(tmp_path / made.file)
    makers = {name: node.type for node in graph.nodes for name, _ in node.outputs}
    convolutions = [node for node in graph.nodes if node.type == "conv"]
    assert [makers[node.arguments["x"][0]] for node in convolutions] == [
        "dequantize",
        "sigmoid",
        "dequantize",
        "dequantize",
    ]


def test_a_core_ml_package_says_what_it_keeps(recipe: Recipe, tmp_path: Path) -> None:
    import coremltools

    from support.tiny_student import make_student

    lower = Lowerer(get_target("coreml"), recipe, tmp_path)
    said = []
    for artifact in lower(make_student(), [r".*\.stem"], ["w8", "w8a8"], ["w8a8"]).values():
        with zipfile.ZipFile(tmp_path / artifact.file) as archive:
            archive.extractall(tmp_path / artifact.scheme)
        package = tmp_path / artifact.scheme / f"{recipe.name}.mlpackage"
        model = coremltools.models.MLModel(str(package), skip_model_load=True)
        said.append(json.loads(model.user_defined_metadata.get("cxr_keep_float", "null")))
    assert said == [None, [r".*\.stem"]]
