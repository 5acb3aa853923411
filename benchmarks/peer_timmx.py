"""INT8 of the same network on the same films, by timmx and by cxredge: what each file loses, weighs and takes.

    cxredge build model_zoo/cxr14-lite0
    python benchmarks/peer_timmx.py
    python benchmarks/readme_figures.py

timmx (PyPI) exports a fine-tuned timm checkpoint in one command a file, and compares what it wrote with PyTorch on one
batch. It gets cxr14-lite0's own network as such a checkpoint, and the recipe's calibration films as its input; one
process then runs the files of both on the recipe's evaluation films, and holds them against the same float32 network.
timmx lives in an environment of its own under build/peer (made when missing, with uv; or --peer PYTHON names one). Its
files are kept there as long as weights, films and timmx stay the same. Writes benchmarks/peer_timmx.json, and prints
the table that the README gets.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
RESULT = Path(__file__).with_suffix(".json")
MODEL, ARCH, TIMMX = "cxr14-lite0", "efficientnet_lite0", "0.10.1"
WORK = ROOT / "build" / "peer"
BACKENDS = {"executorch": ("executorch", ".pte"), "tflite": ("litert", ".tflite")}
"""Our target's name: timmx's, and the file's suffix. timmx has no INT8 for ONNX."""
ROUNDS, RUNS, WARM_UP = 40, 8, 3
SAME = 1.03
"""Latency ratios up to this are no difference on a shared machine."""
Run = Callable[[Any], Any]


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--bundle", type=Path, default=ROOT / "dist" / f"{MODEL}-1.0.0")
    options.add_argument("--peer", type=Path, help="Python of an environment with timmx[executorch,litert]")
    asked = options.parse_args()

    from cxredge.bundle.bundle import open_bundle
    from cxredge.images.preprocess import preprocess_films, to_student
    from cxredge.parity.numerics import sqnr_db
    from cxredge.students import build_student
    from cxredge.targets import get_target
    from cxredge.targets.reference import Reference
    from cxredge.workflows.pipeline import recipe_pipeline

    pipeline = recipe_pipeline(ROOT / "model_zoo" / MODEL)
    recipe, bundle = pipeline.recipe, open_bundle(asked.bundle)
    if bundle.record.recipe.weights.sha256 != recipe.weights.sha256 or pipeline.calibration is None:
        sys.exit(f"{asked.bundle} is not of model_zoo/{MODEL}: build it again")

    def films(some: Any, step: str) -> Any:
        return to_student(preprocess_films([film.path for film in some], recipe.input, step))

    student = build_student(recipe, pipeline.weights)
    calibration, evaluation = (
        films(pipeline.calibration.films, "calibration"),
        films(pipeline.trial.evaluation.films, ""),
    )
    peer = peer_files((asked.peer or peer_python()).absolute(), student, calibration)

    runs: dict[str, Run] = {}
    rows: list[dict[str, Any]] = []
    with Reference(student, 1) as reference:
        wanted = np.concatenate([reference.run(film[None])["logits"] for film in evaluation])
    for target, (path, said) in peer["files"].items():
        runs[f"timmx {target}"] = {"executorch": pte, "tflite": tflite}[target](path)
        rows.append({"made by": "timmx", "target": target, "bytes": path.stat().st_size, "said": said})
    for artifact in bundle.record.artifacts:
        if artifact.scheme == "w8a8" and get_target(artifact.target).runtime().native:
            runner = get_target(artifact.target).open(bundle.file(artifact.name), 1)
            runs[f"cxredge {artifact.target}"] = lambda film, runner=runner: runner.run(film)["logits"]
            (verdict,) = (v for v in bundle.record.verdicts if v.artifact == artifact.name)
            kept = "every gate of the recipe is kept" if verdict.passed else "a gate is not kept"
            rows.append({"made by": "cxredge", "target": artifact.target, "bytes": artifact.bytes, "said": kept})
    cut = np.array([recipe.operating_points[name].logit for name in recipe.labels.names], np.float32)
    for row in rows:
        run = runs[f"{row['made by']} {row['target']}"]
        logits = np.concatenate([run(film[None]) for film in evaluation])
        row["sqnr_db"] = sqnr_db(wanted, logits)
        row["flips"] = int(((wanted >= cut) != (logits >= cut)).sum())
    for name, p50 in latency(runs, evaluation[:1]).items():
        (row,) = (row for row in rows if f"{row['made by']} {row['target']}" == name)
        row["p50_ms"] = p50
    order = list(recipe.targets)
    rows.sort(key=lambda row: (order.index(row["target"]), row["made by"] == "cxredge"))
    found = {
        "network": f"timm/{ARCH}, weights {recipe.weights.sha256[:12]}",
        "bundle": bundle.manifest.id,
        "versions": peer["versions"],
        "calibration": len(calibration),
        "films": len(evaluation),
        "decisions": int(wanted.size),
        "commands": {"timmx": peer["commands"], "cxredge": [f"cxredge build model_zoo/{MODEL}"]},
        "rows": rows,
    }
    RESULT.write_text(json.dumps(found, indent=1) + "\n")
    print(page(found))


def peer_python() -> Path:
    """Of an environment with timmx, made where there is none."""
    python = WORK / "environment" / "bin" / "python"
    if not python.exists():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, python.parent.parent], check=True)
        wanted = f"timmx[executorch,litert]=={TIMMX}"
        subprocess.run([uv, "pip", "install", "--no-config", "--quiet", "--python", python, wanted], check=True)
    return python


def peer_files(python: Path, student: Any, calibration: Any) -> dict[str, Any]:
    """timmx's INT8 files with what it said of each, the commands, and its packages' versions."""
    import timm
    import torch

    from cxredge.files import sha256_bytes

    asking = "import importlib.metadata as m, json; print(json.dumps({p: m.version(p) for p in %r}))"
    packages = ("timmx", "torch", "executorch", "litert-torch", "torchao", "timm")
    done = subprocess.run([python, "-c", asking % (packages,)], check=True, capture_output=True, text=True)
    versions = json.loads(done.stdout)
    state = {name: value.detach().clone() for name, value in student.backbone.net.state_dict().items()}
    state["classifier.weight"] = student.head.weight.detach()[:, :, 0, 0].clone()
    state["classifier.bias"] = student.head.bias.detach().clone()
    # what the student does to grey levels before its backbone: the checkpoint's own input
    normalised = torch.from_numpy((calibration - 128) / 128)
    net = timm.create_model(ARCH, in_chans=1, num_classes=len(state["classifier.bias"]))
    net.load_state_dict(state)
    with torch.no_grad():
        same = net.eval()(normalised[:4]) - student(torch.from_numpy(calibration[:4]))["logits"]
    if float(same.abs().max()) > 1e-4:
        sys.exit("the checkpoint is not the student's network")
    told = b"".join(value.numpy().tobytes() for value in state.values()) + calibration.tobytes()
    folder = WORK / sha256_bytes(told + repr(versions).encode())[:16]
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(state, folder / "lite0.pth")
    torch.save(normalised, folder / "films.pt")
    files, commands = {}, []
    for target, (backend, suffix) in BACKENDS.items():
        command = (
            f"timmx export {backend} {ARCH} --checkpoint lite0.pth --num-classes {len(net.classifier.bias)} "
            f"--in-chans 1 --input-size 1 {calibration.shape[2]} {calibration.shape[3]} --mode int8 "
            f"--calibration-data films.pt --output lite0{suffix}"
        )
        commands.append(command)
        path, said = folder / f"lite0{suffix}", folder / f"{backend}.txt"
        if not said.exists():
            path.unlink(missing_ok=True)
            run = subprocess.run(
                [python.with_name("timmx"), *command.split()[1:]], cwd=folder, text=True, check=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            said.write_text(run.stdout)
        (line,) = re.findall(r"^verify: (cosine similarity [\d.]+)", said.read_text(), re.M)
        files[target] = (path, f'"{line}", saved')
    return {"files": files, "commands": commands, "versions": versions}


def pte(path: Path) -> Run:
    """Runs a program whose input is normalised, and whose first output are logits."""
    import torch
    from executorch.extension.pybindings import _portable_lib as extension

    extension._unsafe_reset_threadpool(1)
    program = extension._load_program(str(path))
    method = program.load_method("forward")
    return lambda film: (program, np.array(method((torch.from_numpy((film - 128) / 128),))[0].numpy()))[1]


def tflite(path: Path) -> Run:
    """The same of a ``.tflite`` with INT8 input and output."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    (scale, zero), (step, base) = taken["quantization"], given["quantization"]

    def run(film: Any) -> Any:
        image = np.clip(np.round((film - 128) / 128 / scale + zero), -128, 127).astype(np.int8)
        interpreter.set_tensor(taken["index"], image)
        interpreter.invoke()
        return (interpreter.get_tensor(given["index"]).astype(np.float32) - base) * step

    return run


def latency(runs: dict[str, Run], film: Any) -> dict[str, float]:
    """Median milliseconds on one film, in interleaved rounds: ratios hold although the machine's speed drifts."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            for i in range(WARM_UP + RUNS):
                began = time.perf_counter()
                run(film)
                if i >= WARM_UP:
                    times[name].append((time.perf_counter() - began) * 1e3)
    return {name: float(np.median(took)) for name, took in times.items()}


def page(found: dict[str, Any]) -> str:
    """The comparison in Markdown, for README and terminal."""
    from cxredge.report.table import as_markdown

    header = ("INT8", "made by", "SQNR dB", "flips", "bytes", "p50 ms", "what its maker says of it")
    cells = [
        (
            row["target"],
            row["made by"],
            f"{row['sqnr_db']:.1f}",
            f"{row['flips']} of {found['decisions']:,}",
            f"{row['bytes']:,}",
            f"{row['p50_ms']:.2f}",
            row["said"],
        )
        for row in found["rows"]
    ]
    versions, commands = found["versions"], found["commands"]
    return (
        f"The same network ({found['network']}) as a timm checkpoint for timmx {versions['timmx']} (executorch "
        f"{versions['executorch']}, litert-torch {versions['litert-torch']}) and as {found['bundle']}; the same "
        f"{found['calibration']} calibration films, and the same {found['films']} others on which both are held "
        f"against the float32 network; latency by one process, one thread, in alternating rounds:\n\n"
        f"{as_markdown(header, cells)}\n\n"
        f"To type: {len(commands['timmx'])} commands for timmx's two files, and "
        f"{len(commands['cxredge'])} (`{commands['cxredge'][0]}`) for all of ours with what proves them. Ours answer "
        f"heatmap and novelty beside the logits; timmx's answer logits. timmx has no INT8 for ONNX. {behind(found)}\n"
    )


def behind(found: dict[str, Any]) -> str:
    """Where our file is not the better one, by how much; times within ``SAME`` of each other are the same."""
    worse = []
    for target in {row["target"]: None for row in found["rows"]}:
        rows = {row["made by"]: row for row in found["rows"] if row["target"] == target}
        if len(rows) < 2:
            continue
        theirs, ours = rows["timmx"], rows["cxredge"]
        worse += [f"{target}'s SQNR"] if ours["sqnr_db"] <= theirs["sqnr_db"] else []
        worse += [f"{target}'s flips"] if ours["flips"] >= theirs["flips"] else []
        for column, slack in (("bytes", 1.0), ("p50_ms", SAME)):
            ratio = ours[column] / theirs[column]
            worse += [f"{target}'s {column.removeprefix('p50_')} (+{ratio - 1:.1%})"] if ratio > slack else []
    return f"Ours is not ahead in: {', '.join(worse)}." if worse else "Ours is ahead in every column."


if __name__ == "__main__":
    main()
