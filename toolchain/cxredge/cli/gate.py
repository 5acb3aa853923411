"""``cxredge gate``: the verdict alone, for continuous integration."""

from __future__ import annotations

from pathlib import Path

import click

from cxredge.cli.output import as_json, say_json, say_wrapped


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.option("--recipe", required=True, type=click.Path(path_type=Path), help="Recipe whose gates are held.")
@click.option("--junit", type=click.Path(path_type=Path), help="Also write the verdict as JUnit XML into this file.")
@as_json
def gate(results: Path, recipe: Path, junit: Path | None, as_json: bool) -> int:
    """Hold the figures in RESULTS (what `cxredge verify --json` printed) against a recipe's gates.

    Runs no model and reads no film, so that a bound can be changed and judged at once. Exit status 1 when a gate fails.
    """
    from dataclasses import replace

    from cxredge.cli.listing import around_recipe, say_chance, say_next, say_weak
    from cxredge.errors import EXIT_GATE, EXIT_GOOD
    from cxredge.files import write_text
    from cxredge.parity.gates import rejudge
    from cxredge.parity.results_file import read_results
    from cxredge.places import check_outputs
    from cxredge.recipe import recipe_path, weights_file
    from cxredge.recipe_file import load_recipe
    from cxredge.report.junit import as_junit

    wanted = load_recipe(recipe)
    if junit is not None:
        file = recipe_path(recipe)
        check_outputs([junit], [results, file, weights_file(wanted, file)])
    found = read_results(results)
    verdicts = rejudge(found, wanted)
    if junit is not None:
        write_text(junit, as_junit(f"{wanted.name}-{wanted.version}", verdicts))
    if as_json:
        say_json(verdicts)
    say_chance(found.chance)
    for verdict in () if as_json else verdicts:
        say_wrapped(f"{'kept  ' if verdict.passed else 'BROKEN'}  {verdict.artifact}")
        for failed in verdict.failed:
            say_wrapped(f"        {failed.words}")
    if not as_json:
        say_weak(verdicts)
    records = {artifact.name: artifact for artifact in found.artifacts}
    if all(v.passed for v in verdicts):
        return EXIT_GOOD
    say_next([(records[v.artifact], v) for v in verdicts], replace(around_recipe(recipe), told=not as_json))
    return EXIT_GATE
