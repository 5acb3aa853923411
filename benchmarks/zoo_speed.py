"""How fast a model's INT8 artifact is against its teacher in eager PyTorch: the papers' own ratio, on one thread.

    cxredge build model_zoo/phantom
    python benchmarks/zoo_speed.py [model ...]     every model with a bundle in dist/, if none is named
    cxredge zoo --cards

One process, one picture, one thread; teacher, student and artifact take turns. The teacher has random weights: what
they are does not decide how long a network takes. Writes model_zoo/<model>/speed.json, which the cards read. Run it on
a machine with nothing else to do.
"""

from __future__ import annotations

import argparse
import platform
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxredge.bundle.bundle import open_bundle
from cxredge.bundle.selftest import make_inputs
from cxredge.files import canonical_json, write_text
from cxredge.images.preprocess import preprocess, to_student
from cxredge.recipe import weights_file
from cxredge.students import build_student, new_student
from cxredge.targets import get_target
from cxredge.targets.reference import Reference
from cxredge.targets.runner import Runner
from cxredge.zoo.entry import Speed
from cxredge.zoo.reading import SPEED, Entry, read_zoo
from cxredge.zoo.rows import int8_of

ROOT = Path(__file__).parent.parent
ROUNDS, RUNS, WARM_UP = 40, 8, 3


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("models", nargs="*")
    options.add_argument("--dist", type=Path, default=ROOT / "dist")
    asked = options.parse_args()
    for entry in read_zoo(ROOT / "model_zoo"):
        bundle = asked.dist / f"{entry.recipe.name}-{entry.recipe.version}"
        if entry.recipe.name in asked.models or (not asked.models and bundle.is_dir()):
            found = measured(entry, bundle)
            write_text(entry.place / SPEED, canonical_json(found.model_dump(mode="json")))
            print(
                f"{entry.recipe.name}: teacher {found.teacher_ms:.2f} ms, student {found.student_ms:.2f} ms, "
                f"{found.artifact} {found.artifact_ms:.2f} ms: {found.times:.2f} times as fast as the teacher"
            )


def measured(entry: Entry, folder: Path) -> Speed:
    recipe, opened, int8 = entry.recipe, open_bundle(folder), int8_of(entry)
    if int8 is None or recipe.distill is None or opened.manifest.id != (entry.current and entry.current.bundle):
        raise SystemExit(f"{recipe.name}: cxredge build {entry.place}, then cxredge zoo --built {folder.parent}")
    _, png = next(iter(make_inputs(recipe.input).values()))
    image = to_student(preprocess(png, recipe.input))
    teacher = new_student(recipe, recipe.distill.teacher.backbone).eval()
    runners: dict[str, Runner] = {
        "teacher": Reference(teacher),
        "student": Reference(build_student(recipe, weights_file(recipe, entry.place / "model.yaml"))),
        int8.artifact: get_target(int8.artifact.target).open(opened.file(int8.artifact), 1),
    }
    median = in_turns(runners, image)
    return Speed(
        machine=f"{platform.system()} {platform.machine()}",
        rounds=ROUNDS,
        teacher=recipe.distill.teacher.backbone,
        teacher_ms=median["teacher"],
        student_ms=median["student"],
        artifact=int8.artifact,
        artifact_sha256=opened.artifact(int8.artifact).sha256,
        artifact_ms=median[int8.artifact],
    )


def in_turns(runners: dict[str, Runner], image: NDArray[np.uint8]) -> dict[str, float]:
    """Median milliseconds of each for one picture."""
    times: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(ROUNDS):
        for name, runner in runners.items():
            for at in range(WARM_UP + RUNS):
                began = time.perf_counter()
                runner.run(image)
                if at >= WARM_UP:
                    times[name].append((time.perf_counter() - began) * 1e3)
    return {name: round(float(np.median(took)), 3) for name, took in times.items()}


if __name__ == "__main__":
    main()
