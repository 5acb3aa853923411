"""How fast each artifact of one bundle is against the same artifact of another, on one thread, taking turns.

    python benchmarks/side_by_side.py dist/before dist/after

One process, one picture. A change of a recipe, such as finer maps, is judged by the last column.
"""

from __future__ import annotations

import sys
from pathlib import Path

from zoo_speed import in_turns

from cxredge.bundle.bundle import Bundle, open_bundle
from cxredge.bundle.selftest import make_inputs
from cxredge.images.preprocess import preprocess, to_student
from cxredge.targets import get_target
from cxredge.targets.runner import Runner
from cxredge.vocabulary import ArtifactName


def main() -> None:
    before, after = (open_bundle(Path(name)) for name in sys.argv[1:3])
    spec = after.manifest.model.input
    _, png = next(iter(make_inputs(spec).values()))
    image = to_student(preprocess(png, spec))
    print(f"{before.manifest.id} and {after.manifest.id}, ms")
    for artifact in sorted(ran(before) & ran(after)):
        pair = {"before": runner(before, artifact), "after": runner(after, artifact)}
        took = in_turns(pair, image)
        print(f"{artifact:18} {took['before']:8.2f} {took['after']:8.2f} {took['after'] / took['before']:8.3f}")


def ran(bundle: Bundle) -> set[ArtifactName]:
    """Artifacts that run here."""
    return {entry.name for entry in bundle.manifest.artifacts if entry.name.target != "coreml"}


def runner(bundle: Bundle, name: ArtifactName) -> Runner:
    return get_target(name.target).open(bundle.file(name), 1)


if __name__ == "__main__":
    main()
