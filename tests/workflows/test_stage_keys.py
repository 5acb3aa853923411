"""Exactly what becomes stale when one file of the toolchain changes, one package, one line of a recipe, one film."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxredge import code_digest as digests
from cxredge import stages
from cxredge.recipe_data import Evaluation, FolderData
from cxredge.recipe_file import load_recipe
from cxredge.stages import Stage
from cxredge.vocabulary import ArtifactName
from cxredge.workflows.materialize import with_needs
from cxredge.workflows.pipeline import Pipeline
from cxredge.workflows.stages.base import ByJob
from cxredge.workflows.stages.sensitivity import Sensitivity

PHANTOM = Path(__file__).parents[2] / "model_zoo" / "phantom"
PACKAGE = Path(digests.__file__).parent


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder set with enough films to calibrate on; what they show does not matter here."""
    root = tmp_path_factory.mktemp("data")
    folder = root / "set"
    folder.mkdir()
    recipe = load_recipe(PHANTOM)
    lines = [",".join(("file", "group", "split", *recipe.labels.names))]
    for i in range(150):
        split = "train" if i < 5 else "val" if i < 140 else "test"
        Image.fromarray(np.full((8, 8), i, np.uint8)).save(folder / f"{i}.png")
        lines.append(f"{i}.png,p{i},{split}" + ",0" * len(recipe.labels.names))
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package."""
    place = tmp_path_factory.mktemp("tree") / "cxredge"
    return shutil.copytree(PACKAGE, place, ignore=shutil.ignore_patterns("__pycache__"))


@pytest.fixture
def tree(copy: Path, films: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The copy, whose files decide the keys here; what a test changes is as it was for the next one."""
    monkeypatch.setenv("CXR_DATA", str(films))
    monkeypatch.setattr(digests, "ROOT", copy)
    forget()
    yield copy
    for file in REWORDED:
        file.write_bytes((PACKAGE / file.relative_to(copy)).read_bytes())
    REWORDED.clear()
    forget()


REWORDED: list[Path] = []


def reword(file: Path) -> None:
    """Change a file as a reworded comment does."""
    file.write_text(file.read_text() + "\n# reworded\n")
    REWORDED.append(file)
    forget()


def forget() -> None:
    """What is remembered of the files' contents; a comment changes no import."""
    digests.code_digest.cache_clear()
    digests.files_digest.cache_clear()
    digests._file_digest.cache_clear()


def keys(**changes: object) -> dict[str, str]:
    """Every stage of the phantom recipe on those films, by name; changes: of the recipe."""
    recipe = load_recipe(PHANTOM)
    changes = {"data": FolderData(source="folder", name="set"), "evaluation": Evaluation(split="test"), **changes}
    recipe = recipe.model_copy(update=changes)
    names = tuple(ArtifactName(name) for name in recipe.artifacts())
    pipeline = Pipeline(recipe, PHANTOM / "model.yaml", names)
    rounded = pipeline.rounded(next(name for name in names if name.scheme == "w8a8"))
    assert rounded is not None
    wanted = [*pipeline.wanted, Sensitivity(recipe, pipeline.weights, rounded.beside_float_activations)]
    return {_name(stage): stage.key for stage in with_needs(wanted)}


def _name(stage: Stage) -> str:
    return stage.name if isinstance(stage, ByJob) else stage.step


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in before if before[name] != after[name]}


def test_which_films_a_model_takes_decides_what_is_read_and_no_model(tree: Path) -> None:
    before = keys()
    spec = load_recipe(PHANTOM).input.model_copy(update={"modalities": ("CR", "DX")})
    stale_now = changed(before, keys(input=spec))
    assert stale_now >= READS_FILMS
    kept = {f"lower {name}" for name in load_recipe(PHANTOM).artifacts() if not name.integer} | {"self-test inputs"}
    assert kept <= before.keys()
    assert not kept & stale_now


TARGETS = ("executorch", "tflite", "coreml", "onnx")
READS_FILMS = {"calibration films", "evaluation films", "validation films", "out-of-distribution films"}


def stale(names: set[str], *, everything_about: tuple[str, ...] = (), integer: bool = False) -> set[str]:
    """Stages by words: those that lower to, or run on, the targets named; integer: INT8 ones only."""
    return {
        name
        for name in names
        if any(name.startswith((f"lower {t}/", f"run {t}/")) for t in everything_about)
        and (not integer or "/w8" in name)
    }


# a file, and the targets whose artifacts are lowered and run again for it
OF_TARGETS = {
    "targets/tflite/quantizer.py": ("tflite",),
    "targets/tflite/contents.py": ("tflite",),
    "targets/executorch/methods.py": ("executorch",),
    "targets/onnx/target.py": ("onnx",),
    "targets/coreml/window_means.py": ("coreml",),
    "targets/coreml/relu6.py": ("coreml",),
    "mlprogram/operators/pooling.py": ("coreml",),
    "mlprogram/program.py": ("coreml",),
    "modelfile/flatbuffer.py": ("executorch",),
    "modelfile/cost.py": TARGETS,
    "targets/base.py": TARGETS,
    "targets/lowering.py": TARGETS,
}
NOBODY = (
    "workflows/doctor.py", "workflows/inspect.py", "workflows/verify.py", "workflows/pipeline.py", "workflows/plan.py",
    "workflows/materialize.py", "workflows/stages/artifact.py", "cli/build.py", "report/page.py", "report/table.py",
    "device/field_log.py", "bundle/card.py", "bundle/signature.py", "parity/judge.py", "statistics/auc.py",
    "explain/alignment.py", "distill/losses.py", "data/stress.py", "vectors/write.py", "recipe_file.py",
    "workers/pool.py", "workers/fork_server.py",
)  # fmt: skip


@pytest.mark.parametrize("file", NOBODY)
def test_what_no_job_runs_makes_nothing_stale(tree: Path, file: str) -> None:
    before = keys()
    reword(tree / file)
    assert changed(before, keys()) == set()


@pytest.mark.parametrize("file", OF_TARGETS)
def test_a_target_hangs_on_its_own_code(tree: Path, file: str) -> None:
    before = keys()
    reword(tree / file)
    assert changed(before, keys()) == stale({*before}, everything_about=OF_TARGETS[file])


def test_what_every_job_runs_makes_everything_stale(tree: Path) -> None:
    for file in ("vocabulary.py", "errors.py"):
        before = keys()
        reword(tree / file)
        assert changed(before, keys()) == {*before}, file


def test_records_and_files_that_jobs_write_with_count(tree: Path) -> None:
    """What only reads films writes none of them, and needs no record."""
    for file in ("results.py", "files.py"):
        before = keys()
        reword(tree / file)
        found = changed(before, keys())
        assert found >= {n for n in before if n.startswith(("lower", "run"))}, file
    before = keys()
    reword(tree / "outputs.py")
    assert changed(before, keys()) >= {n for n in before if n.startswith(("run", "reference"))}


def test_reading_films_differently_spares_what_saw_none(tree: Path) -> None:
    before = keys()
    reword(tree / "images" / "levels.py")
    found = changed(before, keys())
    spared = {n for n in before if n.startswith("lower ") and not n.split("/")[1].startswith("w8")}
    assert {*before} - found == spared
    assert spared


@pytest.mark.parametrize(
    ("file", "steps"),
    [
        ("films", {"calibration films", "evaluation films", "validation films"}),
        ("selftest", {"self-test inputs"}),
        ("pictures", READS_FILMS | {"self-test inputs"}),
        ("artifact", set()),
    ],
)
def test_stages_that_are_made_here_hang_on_their_own_file(tree: Path, file: str, steps: set[str]) -> None:
    """And what is made from them; a stage that is made by a job hangs on the job's code alone."""
    before = keys()
    reword(tree / "workflows" / "stages" / f"{file}.py")
    found = changed(before, keys())
    assert {name for name in found if not name.startswith(("lower", "run", "reference", "round", "sensit"))} >= steps
    assert bool(found) == bool(steps)


@pytest.mark.parametrize(
    ("file", "pictures"),
    [("data/out_of_distribution.py", "out-of-distribution films"), ("bundle/selftest.py", "self-test inputs"),
     ("phantoms/lesions.py", "self-test inputs")],
)  # fmt: skip
def test_one_kind_of_pictures_is_run_again_alone(tree: Path, file: str, pictures: str) -> None:
    before = keys()
    reword(tree / file)
    assert changed(before, keys()) == {n for n in before if n == pictures or n.endswith(f" on {pictures}")}


def test_simulating_int8_differently_measures_sensitivity_again_and_nothing_else(tree: Path) -> None:
    before = keys()
    reword(tree / "quantize" / "greedy.py")
    assert changed(before, keys()) == {"sensitivity"}


def test_packages_count_where_they_decide_bytes(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    def with_another(package: str) -> set[str]:
        real = importlib.metadata.version
        before = keys()
        with monkeypatch.context() as patch:
            patch.setattr(importlib.metadata, "version", lambda name: "0.0" if name == package else real(name))
            stages.installed.cache_clear()
            after = keys()
        stages.installed.cache_clear()
        return changed(before, after)

    for package in ("pydicom", "pylibjpeg", "pylibjpeg-openjpeg", "numpy", "pillow"):
        assert with_another(package) >= READS_FILMS, package
    assert with_another("onnxsim") == stale({*keys()}, everything_about=("onnx",))
    assert with_another("coremltools") == stale({*keys()}, everything_about=("coreml",))
    assert {"reference on evaluation films", "round weights, w8", "round weights, w8a8"} <= with_another("timm")
    assert with_another("rich") == with_another("click") == set()


def test_what_an_artifact_keeps_in_float_is_part_of_its_stages_and_of_no_other(tree: Path) -> None:
    kept = {ArtifactName("tflite/w8a8"): (r".*\.conv_stem",)}
    before, after = keys(), keys(keep_float=kept)
    assert after.keys() - before.keys() == {r"round weights, w8a8, .*\.conv_stem in float"}
    assert before.keys() <= after.keys()
    found = {name for name in before if before[name] != after[name]}
    assert found == {n for n in before if n.startswith(("lower tflite/w8a8", "run tflite/w8a8"))}


def test_texts_that_nobody_lowers_make_nothing_stale(tree: Path) -> None:
    card = load_recipe(PHANTOM).card.model_copy(update={"limitations": ("Another one.",)})
    assert changed(keys(), keys(card=card)) == set()


def test_a_film_of_other_bytes_is_another_film(tree: Path, films: Path) -> None:
    before = keys()
    film = films / "set" / "141.png"
    old = film.read_bytes()
    try:
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(film)
        after = keys()
    finally:
        film.write_bytes(old)
    found = changed(before, after)
    assert {"evaluation films", "out-of-distribution films"} <= found
    assert not found & {"calibration films", "validation films", "round weights, w8a8"}
    assert not {name for name in found if name.startswith("lower")}
