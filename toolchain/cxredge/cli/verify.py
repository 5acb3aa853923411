"""``cxredge verify``: run a bundle's artifacts again, and judge them again, on its own films or on others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cxredge.cli.output import as_json, say, say_json, say_wrapped, width

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cxredge.evidence import Results
    from cxredge.report.material import ReportMaterial
    from cxredge.vocabulary import ArtifactName
    from cxredge.workflows.other_films import Asked


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--data", metavar="FOLDER", help="Judge on these films: a folder, or the name of a set in CXR_DATA.")
@click.option(
    "--map",
    "names",
    multiple=True,
    metavar="THEIRS=OURS",
    help="What the table of --data calls a column or class, and what the model does; may be repeated.",
)
@click.option("--no-labels", is_flag=True, help="Leave the labels of --data aside.")
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
@click.option("--junit", type=click.Path(path_type=Path), help="Also write the verdict as JUnit XML into this file.")
@click.option(
    "--require",
    multiple=True,
    metavar="TARGET/SCHEME",
    help="Fail unless this artifact was run and kept its gates, its bundle's own too; may be repeated. Others that "
    "cannot be run here are then not asked.",
)
@click.option(
    "--shard",
    metavar="I/N",
    help="Run one of N parts of the patients, judge nothing, and write what was said into --out; `cxredge merge` puts "
    "the parts together.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the outputs of --shard.")
@click.option(
    "--outputs",
    type=click.Path(path_type=Path),
    help="Run nothing: judge what stands in this folder, which `cxredge merge` wrote, or --shard 1/1.",
)
@as_json
def verify(
    bundle: Path,
    data: str | None,
    names: tuple[str, ...],
    no_labels: bool,
    reference: Path | None,
    report: Path | None,
    junit: Path | None,
    require: tuple[str, ...],
    shard: str | None,
    out: Path | None,
    outputs: Path | None,
    as_json: bool,
) -> int:
    """Check every file of BUNDLE, run every artifact on the held-out films, and judge it against the float32 student.

    With --data on films that the bundle was not built with, a hospital's own, with labels (labels.csv) or without;
    nothing of its own data set is needed then. Nothing is taken from a cache. Exit status 1 when a gate fails.
    """
    from cxredge.cli.listing import say_next
    from cxredge.errors import EXIT_GATE, EXIT_GOOD
    from cxredge.files import write_text
    from cxredge.report.junit import as_junit, lacking
    from cxredge.report.next_steps import Surroundings
    from cxredge.report.page import check_place, places
    from cxredge.vocabulary import ArtifactName

    if data is None and (names or no_labels):
        raise click.UsageError("--map and --no-labels are about the films of --data; name these")
    _check_together(shard, out, outputs, reference, report, junit, data)
    required = tuple(map(ArtifactName, require))
    asked = None if data is None else _asked(data, names, no_labels)
    if shard is not None and out is not None:
        return _shard(bundle, shard, out, asked, reference, required, as_json)
    goals: list[Path] = []
    if report is not None:
        check_place(report)
        goals += places(report)
    goals += [junit] if junit is not None else []
    results, material = _judged(bundle, asked, reference, required, goals, report is not None, outputs)
    without = lacking(results, required)
    if junit is not None:
        write_text(junit, as_junit(results.recipe.replace(" ", "-"), results.verdicts, without))
    if report is not None and material is not None:
        _write_report(report, material)
    _say(results, as_json)
    kept = all(verdict.passed for verdict in results.verdicts)
    for lack in without:
        say_wrapped(f"{lack.artifact}: {lack.why}{', and it is required' if lack.fails else ''}", err=True)
    if not kept:
        say("a gate failed", err=True)
        # commands for its own films help with these alone
        if asked is None:
            say_next(zip(results.artifacts, results.verdicts, strict=True), Surroundings(bundle, reference))
    return EXIT_GOOD if kept and not any(lack.fails for lack in without) else EXIT_GATE


def _check_together(
    shard: str | None,
    out: Path | None,
    outputs: Path | None,
    reference: Path | None,
    report: Path | None,
    junit: Path | None,
    data: str | None,
) -> None:
    """Raises UsageError for options that do not go together."""
    if (shard is None) != (out is None):
        raise click.UsageError("--shard and --out go together: --out is the folder for what the shard said")
    if shard is not None and (report is not None or junit is not None or outputs is not None):
        raise click.UsageError("--shard judges nothing: --report, --junit and --outputs are for all shards together")
    if outputs is not None and reference is not None:
        raise click.UsageError("--outputs holds what the reference said: leave --reference out")
    if outputs is not None and report is not None and data is None:
        raise click.UsageError(
            "--report runs the artifacts in many more ways than --outputs holds: leave one of them out, or name --data"
        )


def _shard(
    bundle: Path,
    shard: str,
    out: Path,
    asked: Asked | None,
    reference: Path | None,
    required: Sequence[ArtifactName],
    as_json: bool,
) -> int:
    from cxredge.cli.shards import told, words
    from cxredge.errors import EXIT_GOOD
    from cxredge.shard import parse_shard
    from cxredge.workflows.shard import verify_shard

    record = verify_shard(bundle, parse_shard(shard), out, asked, reference, required)
    if as_json:
        say_json(told(out, record))
    else:
        say(words(out, record))
    return EXIT_GOOD


def _asked(data: str, names: Sequence[str], no_labels: bool) -> Asked:
    from cxredge.workflows.other_films import Asked

    pairs = [name.rpartition("=") for name in names]
    for name, (theirs, _, ours) in zip(names, pairs, strict=True):
        if not theirs or not ours:
            raise click.UsageError(f"--map {name!r} is not THEIRS=OURS")
    theirs_all = [theirs for theirs, _, _ in pairs]
    if len(set(theirs_all)) < len(pairs):
        raise click.UsageError("--map names one column or class twice")
    return Asked(data, {theirs: ours for theirs, _, ours in pairs}, not no_labels)


def _judged(
    bundle: Path,
    asked: Asked | None,
    reference: Path | None,
    required: Sequence[ArtifactName],
    goals: Sequence[Path],
    report: bool,
    outputs: Path | None,
) -> tuple[Results, ReportMaterial | None]:
    """The results, and what a page is made of, where one is wanted. outputs: what was said; None: it is asked here."""
    from cxredge.workflows.verify import verify_bundle

    if asked is not None:
        from cxredge.workflows.other_films import judge_elsewhere_outputs, verify_elsewhere

        if outputs is not None:
            found = judge_elsewhere_outputs(bundle, asked, outputs, required, goals)
        else:
            found = verify_elsewhere(bundle, asked, reference, required, goals)
        return found.results, found.material() if report else None
    if outputs is not None:
        from cxredge.workflows.given_outputs import verify_outputs

        return verify_outputs(bundle, outputs, required, goals).results(), None
    if not report:
        return verify_bundle(bundle, reference, required, goals).results(), None
    from cxredge.workflows.examine import examine_bundle

    examined = examine_bundle(bundle, reference, goals, required)
    return (material := examined.material()).results, material


def _write_report(goal: Path, material: ReportMaterial) -> None:
    from cxredge.errors import printable
    from cxredge.report.page import write_report

    page, *tables = write_report(goal, material)
    say(f"report: {printable(str(page))}, {len(tables)} tables beside it", err=True)


def _say(results: Results, as_json: bool) -> None:
    """The results, and beside JSON on stderr what nobody should overlook."""
    from cxredge.cli.listing import print_table, say_chance
    from cxredge.report.elsewhere import text

    other = results.other_films
    if as_json:
        say_json(results)
        for line in () if other is None else other.warnings:
            say_wrapped(f"warning: {line}", err=True)
    else:
        if results.original is not None:
            say_wrapped(f"original to reference: {results.original.words}")
        if other is not None:
            say_wrapped(text(results, other, width()))
        else:
            print_table(zip(results.artifacts, results.verdicts, strict=True))
    if other is None:
        say_chance(results.chance)
