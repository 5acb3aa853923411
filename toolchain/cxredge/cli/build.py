"""``cxredge build``: from a recipe to a verified bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cxredge.cli.output import as_json, say

if TYPE_CHECKING:
    from cxredge.evidence import PrecisionAttempt


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--targets", help="Only these targets, comma-separated (default: the recipe's).")
@click.option("--schemes", help="Only these schemes, comma-separated (default: the recipe's).")
@click.option(
    "--precision",
    type=click.Choice(["auto"]),
    help="auto: find each target's cheapest precision that keeps every gate, write it as model.auto.yaml, build that.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("dist"), show_default=True, help="Folder for bundles."
)
@click.option("--android-assets", type=click.Path(path_type=Path), help="Also put the Android bundle into this folder.")
@click.option("--ios-assets", type=click.Path(path_type=Path), help="Also put the iOS bundle into this folder.")
@as_json
def build(
    recipe: Path,
    targets: str | None,
    schemes: str | None,
    precision: str | None,
    out: Path,
    android_assets: Path | None,
    ios_assets: Path | None,
    as_json: bool,
) -> int:
    """Build, calibrate, verify and bundle RECIPE (a folder with model.yaml, or the file).

    Exit status 1 when a gate fails: the last good bundle stays as it was, what failed is kept as
    OUT/<name>-<version>-failed to be looked into, and the last lines say what to type next.
    """
    from cxredge.cli.listing import around_recipe, print_verdicts, say_chance, say_next, say_unwritten, words
    from cxredge.errors import EXIT_GATE, EXIT_GOOD, printable
    from cxredge.vocabulary import AppKind
    from cxredge.workflows.build import build_recipe

    wanted: dict[AppKind, Path | None] = {"android": android_assets, "ios": ios_assets}
    assets = {kind: folder for kind, folder in wanted.items() if folder is not None}
    if precision == "auto":
        recipe = _choose(recipe, words(targets), words(schemes), out)
        targets = schemes = None
    built = build_recipe(recipe, words(targets), words(schemes), out, assets)
    print_verdicts(built.judged, as_json)
    say_chance(built.chance)
    for folder, manifest in built.bundles:
        say(f"{manifest.kind} bundle {manifest.id}: {printable(str(folder))}", err=as_json or not built.passed)
    if not built.passed:
        say("a gate failed: this bundle is for looking into, nothing signs or ships it", err=True)
        ((folder, _),) = built.bundles
        say_next(built.judged, around_recipe(recipe, targets, None if out == Path("dist") else out, folder))
        return EXIT_GATE
    say_unwritten(built.unwritten)
    return EXIT_GOOD


def _choose(recipe: Path, targets: tuple[str, ...], schemes: tuple[str, ...], out: Path) -> Path:
    """Search, say what was tried, and return the recipe that was written."""
    from dataclasses import replace

    from cxredge.cli.listing import around_recipe, say_next
    from cxredge.errors import InputError, printable
    from cxredge.report import attempts
    from cxredge.workflows.precision import search, write_chosen

    if schemes:
        raise InputError(
            "PRECISION-SCHEMES", "--precision auto chooses the schemes itself", "leave --schemes out", ["--targets"]
        )
    say(attempts.line(attempts.HEADER), err=True)

    def tell(attempt: PrecisionAttempt) -> None:
        say(attempts.line(attempts.cells(attempt)), err=True)

    found = search(recipe, targets, out, tell)
    if not found.chosen:
        last = {attempt.artifact.target: attempt.verdict for attempt in found.attempts}
        around = around_recipe(recipe, ",".join(targets) or None, None if out == Path("dist") else out)
        say_next(
            [(None, verdict) for verdict in last.values() if verdict], replace(around, build=None, leave=around.build)
        )
    chosen = write_chosen(recipe, found, out)
    say(f"chosen precisions: {printable(str(chosen))}", err=True)
    return chosen
