"""What ``import`` says: what a dry run found, and what was written and how far it is proven."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxredge.cli.output import say_wrapped as say

if TYPE_CHECKING:
    from cxredge.cli.answers import ImportedRecipe
    from cxredge.distill.record import QualityScore
    from cxredge.recipe import Recipe
    from cxredge.recipe_decision import Labels
    from cxredge.workflows.import_network import Imported, Request, Tried

UNFITTED = "not fitted"
"""How the rule of an operating point begins that no film chose."""


def tell(tried: Tried, asked: Request) -> None:
    """What a dry run found, and what to type."""
    from cxredge.errors import counted, printable

    found = tried.found
    read, spec, normalise = found.read, found.input, found.normalise
    say(f"{read.file}: {read.form}{f', entry {read.entry}' if read.entry else ''}, SHA-256 {read.sha256[:12]}...")
    say(f"network: {read.network}, {found.parameters:,} parameters; {counted(read.keys, 'tensor')} fit")
    if read.prefix:
        say(f"prefix taken off the keys: {read.prefix}")
    if read.renamed:
        say(f"paired by position: {counted(len(read.renamed), 'tensor')} with another name")
    for line in (*(f"left out: {key}" for key in read.unused[:5]), *read.notes):
        say(line)
    say(
        f"input: {spec.channels} x {spec.height} x {spec.width}, fit {spec.fit}, "
        f"range {normalise.range[0]:g}..{normalise.range[1]:g}"
    )
    if normalise.mean:
        say(f"  mean {', '.join(f'{x:g}' for x in normalise.mean)}; std {', '.join(f'{x:g}' for x in normalise.std)}")
    if normalise.repeat > 1:
        say("  a grey film is given three times")
    logits = f"{counted(found.count, 'logit')} a film"
    if len(found.outputs) == 1:
        say(f"one output{'' if found.output == '0' else f', {printable(found.output)}'}: {logits}")
    else:
        say(f"outputs: {', '.join(map(printable, found.outputs))}; taken: {printable(found.output)}, {logits}")
    if found.probability:
        say(f"  the {found.probability} at its end is taken off")
    say(f"heatmap: {found.heatmap} ({found.why})")
    if not asked.labels and found.labels and len(found.labels) != found.count:
        say(
            f"labels: the file names {len(found.labels)}, and there are {counted(found.count, 'output')}: this "
            f"does not fit"
        )
    if tried.labels is not None:
        _say_labels(tried.labels)
    if tried.remark is not None:
        say(tried.remark)
    lacking = [option for option, there in (("--labels", asked.labels), ("--data", asked.data)) if not there]
    say("next: the same command without --dry-run" + "".join(f", with {option}" for option in lacking))


def record(imported: Imported) -> ImportedRecipe:
    """What a program reads of it."""
    from cxredge.cli.answers import ImportedRecipe

    written = imported.written
    found, proof = written.record.found, written.record.proof
    return ImportedRecipe(
        recipe=str(imported.folder),
        network=found.read.network,
        parameters=found.parameters,
        heatmap=found.heatmap,
        films=proof.films,
        max_abs=proof.max_abs,
        decisions=proof.decisions,
        flips=proof.flips,
        standing=written.record.chance.standing,
        quality=written.quality,
    )


def done(imported: Imported) -> None:
    """What was written, how far it is proven, and what comes next."""
    from cxredge.errors import counted, printable
    from cxredge.importing.proof import BOUND

    written = imported.written
    record, recipe = written.record, written.recipe
    found, proof = record.found, record.proof
    read = found.read
    say(f"{read.network}: {counted(read.keys, 'tensor')} of {printable(read.file)}, {found.parameters:,} parameters")
    say(f"heatmap: {found.heatmap} ({found.why})")
    _say_labels(record.labels)
    _say_thresholds(recipe)
    quality = recipe.quality
    said = f"none ({found.no_quality})" if quality is None else f"thresholds fitted: {quality.rule}"
    say(f"quality, of films exported or held wrongly: {said}")
    if written.quality is not None:
        _say_quality(written.quality)
    alone = ", as its own preprocessing is tried on test alone" if proof.transform is not None else ""
    films = f"{counted(proof.films, 'film')}{proof.of_splits} of {printable(record.data)}"
    say(f"original against student on {films}{alone}:")
    share = (
        f" ({proof.max_abs / written.largest_logit:.1g} of the largest logit, and {BOUND:g} is allowed)"
        if proof.of == "logits"
        else ""
    )
    say(f"  {proof.of} differ by at most {proof.max_abs:.3g}{share}")
    say(f"  {proof.flips} of {counted(proof.decisions, 'decision')} differ")
    if proof.transform is not None:
        say(
            f"  the original behind its own preprocessing, the student behind ours: {proof.whole_max_abs:.3g} apart, "
            f"in {counted(proof.whole_flips or 0, 'decision')}"
        )
        say(
            "  the original behind its own preprocessing, and behind ours: "
            f"{proof.preprocessing_max_abs:.3g} apart, in {counted(proof.preprocessing_flips or 0, 'decision')}"
        )
    else:
        say("  its own preprocessing was not run: --original-transform tells what that makes of it")
    if written.remark is not None:
        say(written.remark)
    say(f"{recipe.evaluation.split} films, the student: {record.chance.words}")
    if record.chance.standing != "better":
        say("  a build keeps no gates so; evaluation: {chance: allowed} in the recipe lets it")
    say(f"wrote {printable(str(imported.folder))}/: student.pt2, model.yaml, import.json")
    say("next:")
    say(f"  cxredge plan {printable(str(imported.folder))}")
    say(f"  cxredge build {printable(str(imported.folder))}")


def _say_labels(labels: Labels) -> None:
    if labels.not_judged:
        one = len(labels.not_judged) == 1
        say(
            f"the films tell nothing of: {', '.join(labels.not_judged)}; {'it is' if one else 'they are'} exported and "
            "not judged"
        )


def _say_quality(score: QualityScore) -> None:
    from cxredge.errors import counted
    from cxredge.vocabulary import QUALITY_KINDS

    shares = (f"{kind} {score.found[kind]:.0%}, {score.false_alarms[kind]:.1%}" for kind in QUALITY_KINDS)
    say(f"  found, and ordinary films taken for it, of {counted(score.films, 'test film')}: {'; '.join(shares)}")


def _say_thresholds(recipe: Recipe) -> None:
    if recipe.least_margin is not None:
        say(f"least margin: {recipe.least_margin.log_odds:g} ({recipe.least_margin.rule})")
    told = {name: recipe.operating_points[name] for name in recipe.labels.told if name in recipe.operating_points}
    if told:
        few = [name for name, point in told.items() if point.rule.startswith(UNFITTED)]
        say(f"operating points: {len(told) - len(few)} fitted on val{_too_few(few)}")
    novelty = recipe.novelty
    say("novelty: none" if novelty is None else f"novelty: above {novelty.threshold:g} ({novelty.rule})")


def _too_few(names: list[str]) -> str:
    return f"; at a probability of one half, for too few films with or without: {', '.join(names)}" if names else ""
