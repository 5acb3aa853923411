"""What is Core ML's own: metadata, fixed bytes, where INT8 ends, and the passes that it hangs on."""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from cxredge.errors import EnvironmentProblem, InputError
from cxredge.files import canonical_json
from cxredge.mlprogram.graph import Graph, Node, read_graph
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.recipe import Recipe
from cxredge.results import Artifact
from cxredge.targets import get_target
from cxredge.targets.coreml.quantizer import BEFORE, RANGES_OPTION
from support.lowering import PERCENTILE
from support.lowering import lower as lower_schemes


@pytest.fixture(scope="module")
def packages(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    from support.tiny_student import films, make_student

    folder = tmp_path_factory.mktemp("coreml")
    made = lower_schemes(
        get_target("coreml"),
        make_student(),
        ("fp16", "w8", "w8a8"),
        recipe,
        CalibrationFilms(films(24, 2), PERCENTILE),
        folder,
    )
    return {artifact.scheme: folder / artifact.file for artifact in made}


@pytest.fixture(scope="module")
def graphs(packages: dict[str, Path]) -> dict[str, Graph]:
    return {scheme: read_graph(path) for scheme, path in packages.items()}


def reads(graph: Graph, node: Node, key: str) -> Node | None:
    """The node that makes argument ``key``; None for constants and inputs."""
    (name,) = node.arguments[key]
    return next((n for n in graph.nodes if name in {o for o, _ in n.outputs}), None)


def test_coremltools_reads_names_and_metadata_back(packages: dict[str, Path], recipe: Recipe, tmp_path: Path) -> None:
    import coremltools

    with zipfile.ZipFile(packages["w8a8"]) as archive:
        archive.extractall(tmp_path)
    model = coremltools.models.MLModel(str(tmp_path / f"{recipe.name}.mlpackage"), skip_model_load=True)
    assert (model.author, model.license, model.version) == ("cxredge", recipe.licence, recipe.version)
    assert "Not a medical device" in model.short_description
    assert dict(model.user_defined_metadata) == {
        "cxr_recipe": f"{recipe.name}-{recipe.version}",
        "cxr_weights_sha256": recipe.weights.sha256,
        "cxr_labels": ",".join(recipe.labels.names),
        "cxr_input": canonical_json(recipe.input.model_dump(mode="json")),
        "cxr_scheme": "w8a8",
    }
    description = model.get_spec().description
    assert [i.name for i in description.input] == ["image"]
    assert [o.name for o in description.output] == ["logits", "cam", "novelty", "quality"]
    assert "0..255" in description.input[0].shortDescription
    assert "logit" in description.output[0].shortDescription
    assert model.get_spec().specificationVersion == coremltools.target.iOS17


def test_entries_are_sorted_stored_and_without_dates(packages: dict[str, Path]) -> None:
    for path in packages.values():
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
        assert [e.filename for e in entries] == sorted(e.filename for e in entries)
        assert len(entries) == 3
        for entry in entries:
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert (entry.compress_type, entry.external_attr >> 16) == (zipfile.ZIP_STORED, 0o100644)


def test_relu6_is_its_own_operator_and_quantised_behind(graphs: dict[str, Graph]) -> None:
    for graph in graphs.values():
        kinds = Counter(node.type for node in graph.nodes)
        assert kinds["relu6"] == 4
        assert kinds["clip"] == 0
    graph = graphs["w8a8"]
    quantised = [reads(graph, node, "input") for node in graph.nodes if node.type == "quantize"]
    for node in (n for n in quantised if n is not None):
        assert node.type != "conv" or not any(
            other.type == "relu6" and reads(graph, other, "x") is node for other in graph.nodes
        )


def test_int8_ends_at_the_backbone(graphs: dict[str, Graph]) -> None:
    for scheme in ("w8", "w8a8"):
        graph = graphs[scheme]
        convolutions = [node for node in graph.nodes if node.type == "conv"]
        weights = [reads(graph, node, "weight") for node in convolutions]
        # the head is the last one
        assert [w is not None and w.type == "constexpr_affine_dequantize" for w in weights] == [True] * 5 + [False]
        assert all(reads(graph, node, "weight") is None for node in graph.nodes if node.type == "linear")
    inputs = [reads(graphs["w8a8"], node, "x") for node in graphs["w8a8"].nodes if node.type == "conv"]
    assert [i is not None and i.type == "dequantize" for i in inputs] == [True] * 5 + [True]
    # the head reads the backbone's last tensor, which is quantised; its own result is not
    assert not any(
        node.type == "quantize" and (made := reads(graphs["w8a8"], node, "input")) is not None and "head" in made.name
        for node in graphs["w8a8"].nodes
    )


def test_novelty_computes_in_float32(graphs: dict[str, Graph]) -> None:
    for graph in graphs.values():
        for node in graph.nodes:
            if node.type in ("linear", "rsqrt"):
                assert [kind.dtype for _, kind in node.outputs] == ["float32"], node.name
        heads = [n for n in graph.nodes if n.type == "conv"]
        assert all(n.outputs[0][1].dtype == "float16" for n in heads)


def test_the_image_gets_all_its_grey_levels(graphs: dict[str, Graph]) -> None:
    graph = graphs["w8a8"]
    first = next(node for node in graph.nodes if node.type == "quantize")
    scale = graph.constants[first.arguments["scale"][0]].value
    zero = graph.constants[first.arguments["zero_point"][0]].value
    assert float(np.asarray(scale)) == 1 / 128
    assert int(np.asarray(zero)) == 0


def test_activations_below_float16_have_a_step(recipe: Recipe, tmp_path: Path) -> None:
    """coremltools stores steps as float16: of a range of 1e-6 it would make 0, and refuse it."""
    import torch

    from support.tiny_student import films, make_student

    student = make_student()
    norm = [module for module in student.backbone.modules() if isinstance(module, torch.nn.BatchNorm2d)][1]
    with torch.no_grad():
        for values in norm.parameters():
            values *= 1e-6
    calibration = CalibrationFilms(films(24, 2), PERCENTILE)
    (made,) = lower_schemes(get_target("coreml"), student, ["w8a8"], recipe, calibration, tmp_path)
    graph = read_graph(tmp_path / made.file)
    steps = [graph.constants[n.arguments["scale"][0]].value for n in graph.nodes if n.type == "quantize"]
    assert min(float(np.asarray(step)) for step in steps) == 2.0**-24


def test_activations_beyond_float16_are_named_as_such(recipe: Recipe, tmp_path: Path) -> None:
    """Whole in float32, as every other target computes: what ends is float16."""
    import torch

    from support.tiny_student import films, make_student

    student = make_student()
    with torch.no_grad():
        student.backbone.last[0].weight.fill_(3e4)  # type: ignore[union-attr, index]
        student.backbone.last[2] = torch.nn.Identity().eval()  # type: ignore[index]
    calibration = CalibrationFilms(films(24, 2), PERCENTILE)
    with pytest.raises(InputError) as caught:
        lower_schemes(get_target("coreml"), student, ["w8a8"], recipe, calibration, tmp_path)
    assert caught.value.code == "CALIBRATION-NAN"
    assert "in float16, which ends at 65,504" in caught.value.cause
    lower_schemes(get_target("onnx"), student, ["w8a8"], recipe, calibration, tmp_path)


def test_int8_weights_are_the_rounded_ones(packages: dict[str, Path], recipe: Recipe) -> None:
    """coremltools' own rounding must change no weight of the rounded student."""
    import torch

    from cxredge.quantize.rounding import round_weights
    from support.tiny_student import films, make_student

    calibration = CalibrationFilms(films(24, 2), PERCENTILE)
    for scheme in ("w8", "w8a8"):
        rounded = round_weights(make_student(), recipe.input, calibration, scheme == "w8")
        expected = []
        for module in rounded.backbone.modules():
            if isinstance(module, torch.nn.Conv2d):
                weight = module.weight.detach().reshape(module.out_channels, -1)
                steps = (weight / weight.abs().amax(1, keepdim=True) * 127).round()
                expected.append(np.sort(steps.numpy().astype(np.int8).ravel()))
        graph = read_graph(packages[scheme])
        found = [
            np.sort(np.asarray(_value(graph, n, "quantized_data")).ravel())
            for n in graph.nodes
            if n.type == "constexpr_affine_dequantize"
        ]
        assert len(found) == len(expected)
        for ours, theirs in zip(sorted(expected, key=len), sorted(found, key=len), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def _value(graph: Graph, node: Node, key: str) -> object:
    (name,) = node.arguments[key]
    return graph.constants[name].value


def lower(recipe: Recipe, folder: Path, scheme: str, spectrum: bool = False) -> Artifact:
    from support.tiny_student import films, make_student

    calibration = CalibrationFilms(films(4, 2), PERCENTILE)
    (made,) = lower_schemes(get_target("coreml"), make_student(spectrum), (scheme,), recipe, calibration, folder)  # type: ignore[arg-type]
    return made


def test_a_missing_pass_is_said_clearly(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from coremltools.converters.mil.mil.passes.pass_registry import PASS_REGISTRY

    monkeypatch.delitem(PASS_REGISTRY.passes, BEFORE)
    with pytest.raises(EnvironmentProblem) as caught:
        lower(recipe, tmp_path, "w8a8")
    assert caught.value.code == "COREML-HOOK"
    assert BEFORE in caught.value.cause


def test_a_pass_that_takes_no_ranges_is_said_clearly(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coremltools.converters.mil.mil.passes.pass_registry import PASS_REGISTRY

    monkeypatch.delattr(type(PASS_REGISTRY[BEFORE]), RANGES_OPTION)
    with pytest.raises(EnvironmentProblem) as caught:
        lower(recipe, tmp_path, "w8a8")
    assert caught.value.code == "COREML-HOOK"
    assert RANGES_OPTION in caught.value.cause


def test_what_cannot_be_converted_is_named(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        lower(recipe, tmp_path, "fp16", spectrum=True)
    assert caught.value.code == "TARGET-LOWERING"
    for word in ("coreml/fp16", "fft", "backbone.spectrum", "Spectrum", "tiny_student.py:"):
        assert word in caught.value.cause
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_package_is_not_opened(packages: dict[str, Path], tmp_path: Path) -> None:
    data = packages["fp16"].read_bytes()
    damaged = tmp_path / "fp16.mlpackage.zip"
    damaged.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError) as caught:
        get_target("coreml").open(damaged)
    assert caught.value.code == "TARGET-LOAD"


def test_here_the_program_is_evaluated_and_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    import platform

    target = get_target("coreml")
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    assert (target.runtime().name, target.runtime().native) == ("program semantics", False)
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    assert (target.runtime().name, target.runtime().native) == ("Core ML", True)
