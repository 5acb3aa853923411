"""Writes the README's figures from results files: bundles' records, distillation results and saved bench output.

    cxredge build model_zoo/phantom && cxredge build model_zoo/cxr14-lite0
    cxredge bench dist/phantom-1.0.0 --json > build/bench-phantom.json
    python benchmarks/peer_timmx.py
    python benchmarks/readme_figures.py

Only what lies in dist/, build/bench-<model>.json, model_zoo/ and benchmarks/peer_timmx.json is written. The table of
the zoo needs no build: with --zoo nothing else is written.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import peer_timmx

from cxredge.bundle.build_record import Record
from cxredge.bundle.bundle import open_bundle
from cxredge.recipe_file import load_recipe
from cxredge.report import table
from cxredge.results import BenchFigures
from cxredge.zoo.reading import read_zoo
from cxredge.zoo.rows import readme_table

FIGURES = "<!-- figures:", "<!-- /figures -->"
ZOO = "<!-- zoo:", "<!-- /zoo -->"
PEER = "<!-- peer:", "<!-- /peer -->"


SHOWN = ("phantom", "pneumonia-paed", "cxr14-lite0")
"""Models whose artifacts the README shows one by one; every card has those of its own."""


def parity(record: Record) -> str:
    phantom = "phantom " if record.recipe.data.source == "phantom" else ""
    evaluation = record.films.evaluation
    pairs = [(a, v) for a in record.artifacts for v in record.verdicts if v.artifact == a.name]
    calibration = record.calibration
    calibrated = (
        ""
        if calibration is None
        else (
            f"; INT8 ranges from {len(calibration.films)} other {phantom}films of {calibration.patients} other patients"
        )
    )
    return (
        f"**{record.recipe.name}** ({record.recipe.student.words}, {record.making.parameters:,} parameters), held "
        f"against its float32 student on {len(evaluation.films)} {phantom}films of {evaluation.patients} "
        f"patients{calibrated}:\n\n{table.as_markdown(*table.shown(pairs))}\n"
    )


def speed(path: Path) -> str:
    """The one-thread figures, which the command prints first."""
    figures = BenchFigures.model_validate(json.loads(path.read_text())[0])
    return (
        f"`cxredge bench`, {figures.bundle}, {figures.threads} thread(s), {figures.machine} (a shared 2-core "
        f"machine, so read the ratios; phones: not verified here):\n\n"
        f"{table.as_markdown(table.BENCH_HEADER, table.bench_rows(figures))}\n"
    )


def main() -> None:
    root = Path(__file__).parent.parent
    readme = root / "README.md"
    readme.write_text(between(readme.read_text(), ZOO, readme_table(read_zoo(root / "model_zoo")) + "\n"))
    if sys.argv[1:] == ["--zoo"]:
        return
    parts = []
    for name in SHOWN:
        place = root / "model_zoo" / name
        recipe = load_recipe(place)
        bundle = root / "dist" / f"{recipe.name}-{recipe.version}"
        if not bundle.exists():
            sys.exit(f"{bundle} is not built: cxredge build {place.relative_to(root)}")
        parts.append(parity(open_bundle(bundle).record))
        bench = root / "build" / f"bench-{recipe.name}.json"
        if bench.exists():
            parts.append(speed(bench))
    text = between(readme.read_text(), FIGURES, "\n".join(parts))
    readme.write_text(between(text, PEER, peer_timmx.page(json.loads(peer_timmx.RESULT.read_text()))))


def between(text: str, marks: tuple[str, str], written: str) -> str:
    """``text`` with ``written`` in place of what stood between the two marks."""
    start = text.index("\n", text.index(marks[0])) + 1
    return text[:start] + "\n" + written + "\n" + text[text.index(marks[1]) :]


if __name__ == "__main__":
    main()
