"""verify, predict, bench and doctor on a really built bundle."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from support.command import ROOT, Run


@pytest.fixture
def film(built: Path) -> Path:
    return built / "selftest" / "phantom-0.png"


@pytest.mark.slow
def test_verify_agrees_with_the_build(built: Path, cxredge: Run) -> None:
    done = cxredge("verify", built, "--json")
    assert done.status == 0, done.err
    assert json.loads(done.out)["verdicts"] == json.loads((built / "record" / "verdicts.json").read_text())


@pytest.mark.slow
def test_verify_android_needs_the_reference(built: Path, cxredge: Run) -> None:
    android = built.with_name(built.name + "-android")
    done = cxredge("verify", android)
    assert (done.status, "VERIFY-REFERENCE" in done.err) == (2, True), done.err
    done = cxredge("verify", android, "--reference", built)
    assert done.status == 0, done.err
    assert "executorch/w8a8" in done.out


def test_verify_refuses_a_changed_bundle(built: Path, cxredge: Run, tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "b")
    model = next((tmp_path / "b" / "artifacts" / "tflite").glob("w8a8*"))
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(bytes(data))
    done = cxredge("verify", tmp_path / "b")
    assert (done.status, "BUNDLE-HASH" in done.err) == (2, True), done.err


@pytest.mark.parametrize("artifact", [None, "tflite/w8a8", "onnx/fp32"])
def test_predict_repeats_the_selftest_bit_for_bit(built: Path, film: Path, cxredge: Run, artifact: str | None) -> None:
    option = () if artifact is None else ("--artifact", artifact)
    done = cxredge("predict", built, film, "--json", *option)
    assert done.status == 0, done.err
    (result,) = json.loads(done.out)
    selftest = json.loads((built / "selftest" / "selftest.json").read_text())
    manifest = json.loads((built / "manifest.json").read_text())
    (case,) = (c for c in selftest["cases"] if c["name"] == "phantom-0")
    expected = case["expected"][artifact or manifest["primary"]]
    assert [f["logit"] for f in result["findings"]] == expected["logits"]
    for finding in result["findings"]:
        assert finding["positive"] == (np.float32(finding["logit"]) >= np.float32(finding["operating_point"]))


EVALUATED = pytest.mark.skipif(platform.system() == "Darwin", reason="Core ML is here, and coremltools runs it")

IMPORTED = """
import sys
from cxredge.cli.main import cli
assert cli.main(sys.argv[1:], standalone_mode=False) == 0
print("IMPORTED", *sys.modules)
"""

# what belongs to exporters and training alone, and takes many times as long to import as one film takes to run
EXPORTERS = {
    "executorch.exir", "executorch.runtime", "torchao", "coremltools", "litert_torch", "ai_edge_quantizer",
    "tensorflow_lite_support", "onnx", "onnxscript", "timm", "torchvision", "scipy", "sklearn", "jax", "pandas",
}  # fmt: skip


@pytest.mark.parametrize(
    ("artifact", "runtime", "not_even"),
    [
        ("executorch/w8a8", "executorch.extension.pybindings._portable_lib", {"torch._dynamo", "sympy"}),
        ("tflite/w8a8", "ai_edge_litert.interpreter", {"torch"}),
        ("onnx/w8a8", "onnxruntime", {"torch"}),
        pytest.param("coreml/w8a8", "cxredge.mlprogram", set(), marks=EVALUATED),
    ],
)
def test_predict_imports_the_runtime_and_no_exporter(
    built: Path, film: Path, artifact: str, runtime: str, not_even: set[str]
) -> None:
    command = [sys.executable, "-c", IMPORTED, "predict", str(built), str(film), "--artifact", artifact]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = set(done.stdout.rpartition("IMPORTED ")[2].split())
    assert runtime in imported
    assert imported & (EXPORTERS | not_even | {"pydicom", "jinja2", "rich"}) == set()


def test_predict_writes_a_picture(built: Path, film: Path, cxredge: Run, tmp_path: Path) -> None:
    from PIL import Image

    done = cxredge("predict", built, film, "--heatmap", tmp_path / "out.png")
    assert done.status == 0, done.err
    assert "phantoms only" in done.out
    picture = np.asarray(Image.open(tmp_path / "out.png").convert("RGB")).astype(int)
    left, right = np.array_split(picture[:-60], 2, axis=1)
    width = min(left.shape[1], right.shape[1])
    assert (np.ptp(left, axis=2) == 0).mean() > 0.99, "the film is grey"
    assert (np.ptp(right[:, :width], axis=2) > 20).mean() > 0.02, "the map is coloured"


def test_predict_folder_goes_on_after_a_bad_film(built: Path, film: Path, cxredge: Run, tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    shutil.copy(film, folder / "good.png")
    (folder / "bad.png").write_bytes(b"not an image")
    (folder / "empty.dcm").write_bytes(b"")
    done = cxredge("predict", built, folder, "--json", "--heatmap", tmp_path / "maps")
    results = {Path(r["film"]).name: r for r in json.loads(done.out)}
    assert done.status == 2
    assert results["bad.png"]["error"]["code"] == "IMG-FORMAT"
    assert results["empty.dcm"]["error"]["code"] == "IMG-TRUNCATED"
    assert results["good.png"]["findings"]
    assert len(list((tmp_path / "maps").iterdir())) == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--artifact", "tflite/w8a9"), "BUNDLE-ARTIFACT"),
        (("--heatmap", "map.png", "--label", "Cardiomegali"), "PREDICT-LABEL"),
        (("--heatmap", "folder"), "PREDICT-HEATMAP"),
    ],
)
def test_predict_misuse(built: Path, film: Path, cxredge: Run, arguments: tuple[str, ...], code: str) -> None:
    done = cxredge("predict", built, film, *arguments)
    assert (done.status, code in done.err) == (2, True), done.err


def test_predict_real_films(built: Path, cxredge: Run, cxr_data: Path) -> None:
    """Real films through the phantom student: it must read them, and say that it learnt from phantoms only."""
    dicom = cxr_data / "dicom_samples" / "files" / "cr_mono2_jpegbaseline8.dcm"
    colour = cxr_data / "dicom_samples" / "files" / "sc_rgb_jpegbaseline_reject_colour.dcm"
    done = cxredge("predict", built, dicom, "--despite-quality")
    assert done.status == 0, done.err
    assert "says nothing" in done.out or "say nothing" in done.out
    done = cxredge("predict", built, colour)
    assert (done.status, "IMG-COLOUR" in done.err) == (2, True), done.err


@pytest.mark.slow
def test_bench_prints_every_artifact_at_each_thread_count(built: Path, cxredge: Run) -> None:
    done = cxredge("bench", built, "--rounds", "1")
    assert done.status == 0, done.err
    manifest = json.loads((built / "manifest.json").read_text())
    for entry in manifest["artifacts"]:
        assert entry["name"] in done.out
    assert "1 thread," in done.out
    assert "not timed" in done.out, "what has no runtime here is named as such"


@pytest.mark.slow
def test_doctor_finds_this_machine_fit(cxredge: Run) -> None:
    done = cxredge("doctor", "--json")
    found = {c["what"]: c for c in json.loads(done.out)}
    for target in ("executorch", "tflite", "coreml", "onnx"):
        assert found[f"build {target}"]["good"], found
        assert any(what.startswith(f"run and verify {target}") and c["good"] for what, c in found.items()), found


@pytest.mark.slow
def test_doctor_says_why_not(cxredge: Run, tmp_path: Path) -> None:
    """A runtime that does not import is found by importing it."""
    (tmp_path / "onnxruntime").mkdir()
    (tmp_path / "onnxruntime" / "__init__.py").write_text("raise ImportError('broken on purpose')\n")
    done = cxredge("doctor", "--json", PYTHONPATH=tmp_path, CXR_DATA=tmp_path)
    found = {c["what"]: c for c in json.loads(done.out)}
    assert done.status == 3
    assert not found["run and verify onnx"]["good"]
    assert "broken on purpose" in found["run and verify onnx"]["why"]
    assert found["run and verify onnx"]["fix"]
    assert found["run and verify tflite"]["good"]


def test_every_tracked_example_of_the_readme_names_a_real_command() -> None:
    import re

    from cxredge.cli.main import COMMANDS

    text = (ROOT / "README.md").read_text()
    named = set(re.findall(r"^(?:\.venv/bin/)?cxredge ([a-z-]+)", text, re.M))
    assert named
    assert named <= set(COMMANDS)
