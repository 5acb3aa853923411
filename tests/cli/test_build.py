"""Building: whole, again, in part, and everything that goes wrong on the way."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.command import CXREDGE, ROOT, Done, Run
from support.tiny_recipe import TINY, write_weights


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def spoil(folder: Path, old: str, new: str) -> None:
    text = (folder / "model.yaml").read_text()
    assert old in text
    (folder / "model.yaml").write_text(text.replace(old, new, 1))


def test_default_model_builds_every_target_and_keeps_its_gates(built: Path) -> None:
    from cxredge.bundle.bundle import open_bundle

    record = open_bundle(built).record
    assert {artifact.target for artifact in record.artifacts} == {"executorch", "tflite", "coreml", "onnx"}
    assert all(v.passed and v.figures.films >= 200 for v in record.verdicts)
    assert record.calibration is not None
    assert len(record.calibration.films) >= 100
    assert set(record.calibration.ranges) == {"executorch", "tflite", "coreml", "onnx"}
    patients = {f.patient for f in record.calibration.films}
    assert patients.isdisjoint({f.patient for f in record.films.evaluation.films})
    for kind in ("android", "ios"):
        app = open_bundle(built.with_name(f"{built.name}-{kind}"))
        assert app.manifest.kind == kind
        assert {e.name for e in app.manifest.artifacts} == set(record.recipe.bundles.of(kind))
        assert "phantom" in app.record.making.statement


def test_a_second_build_keeps_everything_and_gives_the_same_bytes(built: Path, cxredge: Run, tmp_path: Path) -> None:
    """And imports no torch, which would take longer than all of it: here it is one that cannot be imported."""
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "torch.py").write_text("raise ImportError('nobody needs torch here')")
    path = os.pathsep.join(filter(None, [str(broken), os.environ.get("PYTHONPATH")]))
    done = cxredge("build", "model_zoo/phantom", "--out", tmp_path, PYTHONPATH=path)
    assert done.status == 0, done.err
    assert tree(tmp_path / built.name) == tree(built)
    steps = json.loads(cxredge("plan", "model_zoo/phantom", "--json").out)["steps"]
    assert {s["action"] for s in steps if s["step"].startswith(("lower", "run"))} == {"keep"}


@pytest.mark.slow
def test_two_builds_from_nothing_give_the_bytes_of_a_third(
    tiny: Path, cxredge: Run, tiny_cache: Path, tmp_path: Path
) -> None:
    part = ("--targets", "onnx")
    done = cxredge("build", tiny, "--out", tmp_path / "d", *part, CXR_CACHE=tiny_cache)
    assert done.status == 0, done.err
    (bundle,) = (tmp_path / "d").iterdir()
    done = cxredge("rebuild-check", tiny, *part, "--bundle", bundle)
    assert done.status == 0, done.out + done.err
    assert "the same in both builds" in done.out
    assert f"{bundle}: the same" in done.out
    done = cxredge("rebuild-check", tiny, *part, "--schemes", "fp32", "--bundle", bundle)
    assert (done.status, "[REBUILD-DIFFERS]" in done.err) == (1, True), done.err


@pytest.mark.slow
def test_part_of_a_recipe(tiny: Path, cxredge: Run, tiny_cache: Path, tmp_path: Path) -> None:
    done = cxredge(
        "build", tiny, "--out", tmp_path / "d", "--targets", "onnx", "--schemes", "fp32", CXR_CACHE=tiny_cache
    )
    assert done.status == 0, done.err
    (bundle,) = (tmp_path / "d").iterdir()
    assert [p.name for p in (bundle / "artifacts").iterdir()] == ["onnx"]
    for option, value, code in (
        ("--targets", "onx", "BUILD-TARGET"),
        ("--schemes", "w4", "BUILD-SCHEME"),
        ("--android-assets", tmp_path / "a", "BUILD-APP"),
    ):
        extra = ("--targets", "onnx") if option == "--android-assets" else ()
        done = cxredge("build", tiny, option, value, *extra, CXR_CACHE=tiny_cache)
        assert (done.status, code in done.err) == (2, True), done.err


@pytest.fixture
def failing(tiny: Path, cxredge: Run, tiny_cache: Path, tmp_path: Path) -> Callable[..., Done]:
    """Builds the tiny recipe into ``d`` with a gate that INT8 cannot keep, once it was built well there."""

    def build(*options: object) -> Done:
        return cxredge("build", tiny, "--out", tmp_path / "d", "--targets", "onnx", *options, CXR_CACHE=tiny_cache)

    good = build()
    assert good.status == 0, good.err
    spoil(tiny, "logit_sqnr_db: 1}", "logit_sqnr_db: 300}")
    return build


def test_a_broken_gate_leaves_the_last_bundle_and_says_what_to_type_next(
    failing: Callable[..., Done], tiny: Path, cxredge: Run, tiny_cache: Path, tmp_path: Path
) -> None:
    good, left = tmp_path / "d" / "tiny-0.0.1", tmp_path / "d" / "tiny-0.0.1-failed"
    before = tree(good)
    done = failing()
    assert done.status == 1
    assert "BROKEN: logit_sqnr_db" in done.out
    assert tree(good) == before
    assert sorted(p.name for p in good.parent.iterdir()) == [good.name, left.name]
    lines = done.err.splitlines()
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("  cxredge ")]
    assert commands == [
        ["explain", str(left), "--artifact", "onnx/w8a8"],
        ["build", str(tiny), "--targets", "onnx", "--out", str(left.parent), "--precision", "auto"],
    ]
    assert lines[-1].startswith("  gates.w8a8.logit_sqnr_db: ")
    assert done.err.count("the bound is at least 300") == 1
    predicted = cxredge("predict", left, left / "selftest" / "phantom-0.png", CXR_CACHE=tiny_cache)
    assert predicted.status == 0, predicted.err
    assert "this bundle's gates were not kept" in predicted.err
    inspected = cxredge("inspect", left / "artifacts" / "onnx" / "w8a8.onnx")
    assert inspected.status == 0, inspected.err
    assert cxredge("keygen", tmp_path / "key").status == 0
    signed = cxredge("sign", left, "--key", tmp_path / "key.key")
    assert (signed.status, "BUNDLE-FAILED" in signed.err) == (2, True), signed.err
    # a build that fails again puts its own there; the bound that was printed is kept, and takes it away
    spoil(tiny, "logit_sqnr_db: 300}", "logit_sqnr_db: 301}")
    assert failing().status == 1
    assert "at least 301" in (left / "manifest.json").read_text()
    spoil(tiny, "301}", lines[-1].split()[1].rstrip(",") + "}")
    done = failing()
    assert done.status == 0, done.out + done.err
    assert [p.name for p in good.parent.iterdir()] == [good.name]


@pytest.mark.slow
def test_what_is_printed_runs_as_printed_and_a_failed_bundle_is_looked_into(
    failing: Callable[..., Done], tiny: Path, cxredge: Run, tiny_cache: Path, tmp_path: Path
) -> None:
    left = tmp_path / "d" / "tiny-0.0.1-failed"
    done = failing()
    explain, search = (shlex.split(line)[1:] for line in done.err.splitlines() if line.startswith("  cxredge "))
    explained = cxredge(*explain, CXR_CACHE=tiny_cache)
    assert explained.status == 0, explained.err
    assert "fix to try: " in explained.out
    assert cxredge("bench", left, "--rounds", 1, CXR_CACHE=tiny_cache).status == 0
    verified = cxredge("verify", left, "--report", tmp_path / "report.html", CXR_CACHE=tiny_cache)
    assert verified.status == 1, verified.err
    assert (tmp_path / "report.html").is_file()
    again = [shlex.split(line)[1:] for line in verified.err.splitlines() if line.startswith("  cxredge ")]
    assert again == [explain]
    results = json.loads((tmp_path / "report-data" / "results.json").read_text())
    assert results["kind"] == "failed"
    flips = [flip["explained"] for evidence in results["evidence"] for flip in evidence["flips"]]
    assert set(flips) <= {True, False}
    spoil(tiny, "logit_sqnr_db: 300}", "logit_sqnr_db: 1}")  # or else it would climb to float32, for minutes
    searched = cxredge(*search, CXR_CACHE=tiny_cache)
    assert searched.status == 0, searched.err
    assert (tmp_path / "d" / "tiny-0.0.1").is_dir()
    assert not left.exists(), "what was chosen keeps its gates"


def test_what_is_not_ours_at_a_failed_bundles_place_stays(
    failing: Callable[..., Done], tiny: Path, tmp_path: Path
) -> None:
    left = tmp_path / "d" / "tiny-0.0.1-failed"
    shutil.copytree(tmp_path / "d" / "tiny-0.0.1", left)  # a bundle that kept its gates
    before = tree(left)
    for bound in ("300", "1"):  # one that is broken, and one that is kept
        spoil(tiny, "logit_sqnr_db: 300}", f"logit_sqnr_db: {bound}}}")
        done = failing()
        assert (done.status, "OUTPUT-FOREIGN" in done.err) == (2, True), done.err
        assert tree(left) == before
    shutil.rmtree(left)
    left.write_text("a file")
    done = failing()
    assert (done.status, "OUTPUT-FOREIGN" in done.err) == (2, True), done.err
    assert left.read_text() == "a file"


def nan(tensors: dict) -> None:
    tensors["head.weight"][0, 0] = float("nan")


def rename(tensors: dict) -> None:
    tensors["heads.weight"] = tensors.pop("head.weight")


def shrink(tensors: dict) -> None:
    tensors["head.weight"] = tensors["head.weight"][:4].contiguous()


@pytest.mark.parametrize(
    ("change", "code"), [(nan, "WEIGHTS-NAN"), (rename, "WEIGHTS-FIT"), (shrink, "WEIGHTS-FIT"), (None, "WEIGHTS-HASH")]
)
def test_bad_weights(tiny: Path, cxredge: Run, tiny_cache: Path, change: object, code: str) -> None:
    if change is None:
        with (tiny / "weights.safetensors").open("r+b") as stream:
            stream.seek(5000)
            stream.write(b"\0\1\2\3")
    else:
        digest = write_weights(tiny / "weights.safetensors", change)
        (tiny / "model.yaml").write_text(TINY.format(digest=digest))
    done = cxredge("build", tiny, "--targets", "onnx", CXR_CACHE=tiny_cache)
    assert (done.status, code in done.err) == (2, True), done.err


def test_missing_weights_and_missing_data(tiny: Path, cxredge: Run, tiny_cache: Path, tmp_path: Path) -> None:
    (tiny / "weights.safetensors").unlink()
    assert "WEIGHTS-MISSING" in cxredge("build", tiny, CXR_CACHE=tiny_cache).err
    done = cxredge("build", "model_zoo/cxr14-lite0", CXR_DATA=tmp_path / "nowhere", CXR_CACHE=tiny_cache)
    assert (done.status, "DATA-MISSING" in done.err) == (2, True), done.err


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("count: 100}", "count: 99}", "CALIBRATION-COUNT"),
        ("count: 100}", "count: 9000}", "CALIBRATION-FEW"),
        ("split: val, count", "split: train, count", "CALIBRATION-SPLIT"),
        ("split: val, count", "split: test, count", "RECIPE-VALUE"),
        ("count: 12}", "count: 1200}", "EVALUATION-FEW"),
    ],
)
def test_calibration_and_evaluation_refusals(
    tiny: Path, cxredge: Run, tiny_cache: Path, old: str, new: str, code: str
) -> None:
    spoil(tiny, old, new)
    done = cxredge("build", tiny, CXR_CACHE=tiny_cache)
    assert (done.status, code in done.err) == (2, True), done.err


def test_noise_is_no_calibration_set(tiny: Path, cxredge: Run, tiny_cache: Path, tmp_path: Path) -> None:
    import numpy as np
    from PIL import Image

    folder = tmp_path / "data" / "noise"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    names = ["Cardiomegaly", "Effusion", "Consolidation", "Nodule", "Pneumothorax"]
    lines = [",".join(["file", "group", "split", *names])]
    for i in range(140):
        split = "train" if i < 10 else "val" if i < 120 else "test"
        Image.fromarray(rng.integers(0, 256, (64, 64), np.uint8)).save(folder / f"{i}.png")
        lines.append(f"{i}.png,p{i},{split},0,1,0,0,0")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    text = (tiny / "model.yaml").read_text()
    start = text.index("data:")
    (tiny / "model.yaml").write_text(
        text[:start] + "data: {source: folder, name: noise}" + text[text.index("\n", start) :]
    )
    done = cxredge("build", tiny, CXR_CACHE=tiny_cache, CXR_DATA=tmp_path / "data")
    assert (done.status, "CALIBRATION-NOISE" in done.err) == (2, True), done.err


def test_ctrl_c_ends_every_worker_and_leaves_the_last_bundle(
    tiny: Path, cxredge: Run, tiny_cache: Path, tmp_path: Path
) -> None:
    out = tmp_path / "d"
    assert cxredge("build", tiny, "--out", out, "--targets", "onnx", CXR_CACHE=tiny_cache).status == 0
    before = tree(out)
    cache = tmp_path / "cold"
    process = subprocess.Popen(
        [CXREDGE, "build", tiny, "--out", out],
        cwd=ROOT,
        env={**os.environ, "CXR_CACHE": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell that runs the tests in the background lets its children ignore Ctrl-C, and that is inherited
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    jobs: list[Path] = []
    deadline = time.monotonic() + 120
    while not jobs and time.monotonic() < deadline and process.poll() is None:
        jobs = list(cache.glob(".work.*/*/task.json"))
        time.sleep(0.05)
    assert jobs, "no worker was started"
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in err
    assert tree(out) == before
    assert list(cache.glob(".work.*")) == []
    left = subprocess.run(["pgrep", "-f", str(cache)], capture_output=True, text=True, check=False).stdout.split()
    assert left == []


def test_unknown_command_and_unknown_recipe(cxredge: Run) -> None:
    done = cxredge("biuld", "model_zoo/phantom")
    assert (done.status, "choices: build" in done.err) == (2, True), done.err
    done = cxredge("build", "model_zoo/fantom")
    assert (done.status, "choices: model_zoo/phantom" in done.err) == (2, True), done.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_what_cannot_be_printed_is_a_full_disk_and_no_traceback() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([CXREDGE, "--version"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith("error [DISK-FULL]: ")
    assert "Traceback" not in done.stderr
