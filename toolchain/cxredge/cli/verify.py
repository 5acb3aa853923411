"""``cxredge verify``: run a bundle's artifacts again, and judge them again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cxredge.cli.output import as_json, say, say_json, say_wrapped

if TYPE_CHECKING:
    from cxredge.evidence import Results
    from cxredge.outputs import Outputs
    from cxredge.workflows.verify import Verified


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    help="Host bundle that holds the reference, for a bundle that does not (android).",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    help="Also examine everything else, for minutes, and write it all as one HTML page (tables beside it).",
)
@as_json
def verify(bundle: Path, reference: Path | None, report: Path | None, as_json: bool) -> int:
    """Check every file of BUNDLE, run every artifact on the held-out films, and judge it against the float32 student.

    Nothing is taken from a cache. Exit status 1 when a gate fails.
    """
    from cxredge.cli.listing import print_table, say_chance, say_next
    from cxredge.errors import EXIT_GATE, EXIT_GOOD
    from cxredge.report.next_steps import Surroundings
    from cxredge.workflows.verify import verify_bundle

    if report is None:
        verified = verify_bundle(bundle, reference)
        results = verified.results()
    else:
        verified, results = _report(bundle, reference, report)
    if as_json:
        say_json(results)
    else:
        if results.original is not None:
            say_wrapped(f"original to reference: {results.original.words}")
        print_table(zip(results.artifacts, results.verdicts, strict=True))
    say_chance(results.chance)
    if not verified.passed:
        say("a gate failed", err=True)
        say_next(zip(results.artifacts, results.verdicts, strict=True), Surroundings(bundle, reference))
    return EXIT_GOOD if verified.passed else EXIT_GATE


def _report(bundle: Path, reference: Path | None, goal: Path) -> tuple[Verified, Results]:
    """Examine the bundle and write the page to ``goal``."""
    from cxredge.errors import printable
    from cxredge.report.material import REFERENCE, ReportMaterial
    from cxredge.report.page import check_place, places, write_report
    from cxredge.workflows.examine import examine_bundle

    check_place(goal)
    examined = examine_bundle(bundle, reference, places(goal))
    verified = examined.verified
    results = verified.results(examined.evidence)
    outputs: dict[str, Outputs] = {name: answers.evaluation.outputs for name, answers in verified.answers.items()}
    material = ReportMaterial(
        results=results,
        recipe=verified.bundled.recipe,
        films=verified.bundled.trial.evaluation.films,
        outputs={REFERENCE: verified.reference.evaluation.outputs, **outputs},
        pixels=lambda i: examined.pixels[i],
        bench=examined.bench,
        explanations=examined.explanations,
    )
    page, *tables = write_report(goal, material)
    say(f"report: {printable(str(page))}, {len(tables)} tables beside it", err=True)
    return verified, results
