"""What is said of films that a bundle was not built with: what to know first, how thresholds carry over, what holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from cxredge.bundle.assemble import evaluated
from cxredge.bundle.build_record import FilmList
from cxredge.errors import counted, some_of
from cxredge.evidence import Results
from cxredge.evidence_other_films import Carried, OtherFilms, Share
from cxredge.parity.paired import ENOUGH
from cxredge.report.fitted import as_fitted_text
from cxredge.results import number
from cxredge.statistics import false_alarms
from cxredge.vocabulary import QUALITY_KINDS

SHOWN = 20
"""Unread films and known ones that a terminal lists; the results have all."""
FIGURES = {"uncertain": "films left uncertain", "novel": "films above the novelty threshold"}
QUALITY = ("refused", *QUALITY_KINDS)


def warnings(found: OtherFilms) -> Iterator[str]:
    """What is to be known before the figures are read; the bundle's own failure is the first."""
    if found.own_failed:
        yield own_failure(found)
    if found.known:
        uses = Counter(" and ".join(film.used_for) for film in found.known)
        which = ", ".join(f"{count} for {use}" for use, count in sorted(uses.items()))
        yield (
            f"{counted(len(found.known), 'film')} of {found.films:,} that the bundle was built with ({which}), so no "
            f"other ones: {some_of([film.film for film in found.known])}"
        )
    if found.built_with:
        yield (
            f"{found.data} is called as the data set that the bundle was built with: the student may have learnt from "
            "its films"
        )
    if not found.patients_named:
        yield (
            "nothing says whose films these are: intervals count each film as a patient, and are too narrow where a "
            "patient has several"
        )
    if found.patients < ENOUGH:
        yield (
            f"{counted(found.patients, 'patient')}: intervals say little, and a figure that wants {ENOUGH} patients "
            "with and without a label has none"
        )
    if not found.judged:
        yield "no label is told: nothing here says whether an answer is right"
    elif found.not_judged:
        yield f"not judged, as the table does not tell them: {', '.join(found.not_judged)}"
    for kind, figure in (("with", "sensitivity"), ("without", "specificity")):
        shares = [(line.label, getattr(line, figure)) for line in found.here.labels]
        names = [label for label, share in shares if share is not None and not share.films]
        if names:
            yield f"no film {kind} {', '.join(names)}: nothing can be said of how well such films are ranked"
    if found.same_bytes:
        yield f"{counted(found.same_bytes, 'film')} with the same bytes as another one here: each counts on its own"
    if found.built is None:
        yield (
            "the bundle is of an older version and does not say how its thresholds did on its own films: build it "
            "again to see whether they carry over"
        )
    yield from _moved(found)
    yield from _flagged(found)


def own_failure(found: OtherFilms) -> str:
    """Which artifacts did not keep their gates when the bundle was built, and which gates."""
    which = " | ".join(f"{one.artifact}: {one.words}" for one in found.own_failed)
    return (
        "this bundle's own gates were not kept when it was built, on its own films, and nothing here makes up for "
        f"that: {which}"
    )


def _moved(found: OtherFilms) -> Iterator[str]:
    rule = f"95 % interval of the difference without 0; {counted(len(found.carried), 'share')} compared"
    points = [one for one in found.moved if one.figure in ("sensitivity", "specificity")]
    if points:
        what = "operating points do" if found.here.uncertain is None else "the least margin does"
        yield f"{what} not carry over: {some_of([differs(one) for one in points], '; ', 8)} ({rule})"
    for one in found.moved:
        if one not in points and one.figure not in QUALITY:
            yield f"these are not films like the bundle's own: {differs(one)} ({rule})"


def _flagged(found: OtherFilms) -> Iterator[str]:
    """Of films that look held or exported wrongly: more than there, or than the thresholds were chosen for."""
    there = {one.figure: one.share.words for one in found.quality_built}
    risen = {one.figure for one in found.carried if one.low > 0}
    kinds = [one for one in found.quality if one.figure != "refused"]
    most = false_alarms.SHARE
    high = [one for one in kinds if one.figure in risen or (one.share.low is not None and one.share.low > most)]
    if not high:
        return
    known = [f", {there[one.figure]} there" if one.figure in there else "" for one in high]
    each = [f"{one.figure} {one.share.words} here{end}" for one, end in zip(high, known, strict=True)]
    refused = next(one.share for one in found.quality if one.figure == "refused")
    yield (
        f"many films look exported or held wrongly: {'; '.join(each)} (thresholds were chosen for at most "
        f"{100 * most:g} % of ordinary films). These are the float32 student's, of whose answers {refused.hits} of "
        f"{refused.films} would be held back until somebody says that the films are as they should be; the artifacts' "
        "shares, of which predict asks one, stand below (refused): look at some"
    )


def differs(one: Carried) -> str:
    """``sensitivity of Effusion 0.70 [0.55, 0.82] here, 0.90 [0.82, 0.95] there``."""
    what = FIGURES.get(one.figure, f"{one.figure} of {one.label}")
    return f"{what} {one.here.words} here, {one.built.words} there"


def statement(results: Results, other: OtherFilms, films_sha256: str, built: FilmList) -> str:
    """What was verified, on which films, in one paragraph that claims no more."""
    table = f", its table {other.table_sha256[:12]}…" if other.table_sha256 else ""
    unread = f" {counted(len(other.unread), 'film')} could not be read." if other.unread else ""
    asked = f" Not asked: {', '.join(results.not_asked)}." if results.not_asked else ""
    failed = ", ".join(one.artifact for one in other.own_failed)
    own = f" When it was built, gates of {failed} were not kept." if failed else ""
    return (
        f"The artifacts were run on this machine on {counted(other.films, 'film')} of "
        f"{counted(other.patients, 'patient')} of {other.data} (list of films {films_sha256[:12]}…{table}), and held "
        f"against the float32 student.{unread}{asked} {apart(other)} When it was built, the bundle was judged on "
        f"{counted(len(built.films), 'film')} of {counted(built.patients, 'patient')} of {built.data}.{own} Bounds "
        "on how alike the outputs are count here too; scores are told, and no gate counts them. "
        f"{evaluated(results.verdicts)}Phones, their processors and their delegates: not verified here. The figures "
        "are of these films and these labels; they are no claim of clinical validity."
    )


def text(results: Results, found: OtherFilms, width: int | None) -> str:
    """For a terminal: whether the bundle failed, which films, what to know first, the thresholds, the artifacts.

    width: columns that tables are fitted to; None: as wide as they are.
    """
    said = [f"warning: {line}" for line in found.warnings]
    first = 1 if found.own_failed else 0
    parts = [*said[:first], _which(results, found), _unread(found), *said[first:]]
    parts += [_scores(results, width), _confusion(results, width), _thresholds(found, width)]
    parts += [_artifacts(results, found, width), _losses(found)]
    return "\n\n".join(part for part in parts if part)


def apart(found: OtherFilms) -> str:
    """Whether these are films that the bundle was not built with."""
    if found.known:
        it = "it" if len(found.known) == 1 else "them"
        return (
            f"{counted(len(found.known), 'film')} among these: the bundle was built with {it}, so the figures are not "
            "of other films alone."
        )
    if found.built_with:
        return "Whether the bundle was built with some of these films is not known."
    return "The bundle was not built with these films; its gates and thresholds were fixed on others."


def _which(results: Results, found: OtherFilms) -> str:
    whose = counted(found.patients, "patient") if found.patients_named else "patients that nothing names"
    return (
        f"{found.data}: {counted(found.films, 'film')} of {whose}\n"
        f"list of films {results.films_sha256}\n"
        f"table         {found.table_sha256 or 'none'}\n{apart(found)}"
    )


def _unread(found: OtherFilms) -> str:
    lines = [f"{one.film}: [{one.code}] {one.cause}" for one in found.unread[:SHOWN]]
    if len(found.unread) > SHOWN:
        lines.append(f"and {len(found.unread) - SHOWN} more, which --json lists")
    if lines:
        lines.insert(0, f"not read, and so not judged: {counted(len(found.unread), 'film')}")
    if found.not_listed:
        lines.append(f"not read, as no row of its table names them: {counted(found.not_listed, 'other file')}")
    return "\n".join(lines)


def _scores(results: Results, width: int | None) -> str:
    chance = results.chance
    if chance is None:
        return ""
    rows = [(line.label, line.auc.words) for line in chance.labels if line.label in _judged(results)]
    header = ("label", "AUC of the float32 student, with its interval over patients")
    return f"the float32 student: {chance.words}\n\n{as_fitted_text(header, rows, width)}"


def _confusion(results: Results, width: int | None) -> str:
    """What the float32 student takes for what; empty for independent findings, and where no class is told."""
    found = next((evidence.confusion for evidence in results.evidence), None)
    if found is None:
        return ""
    rows = [(says, *map(str, counts)) for says, counts in zip(found.classes, found.reference, strict=True)]
    header = ("table says", *found.classes, "uncertain")
    return f"what the float32 student answers, in films\n{as_fitted_text(header, rows, width)}"


def _judged(results: Results) -> tuple[str, ...]:
    return () if results.other_films is None else results.other_films.judged


@dataclass(frozen=True)
class ThresholdRow:
    """One share at the bundle's thresholds, there and here. label: ``all films`` for shares of all."""

    label: str
    figure: str
    built: Share | None
    here: Share
    moved: bool | None
    """None: the two are not compared."""

    def flat(self) -> dict[str, object]:
        """As a row of a table."""
        shares = {"built": self.built, "here": self.here}
        cells = {f"{place}_{name}": cell for place, one in shares.items() if one for name, cell in dict(one).items()}
        return {"label": self.label, "figure": self.figure, **cells, "differs": self.moved}


def thresholds(found: OtherFilms) -> tuple[ThresholdRow, ...]:
    """By label and then of all films. A label that is not judged has the share that is called so alone."""
    moved: dict[tuple[str, str | None], bool] = {(one.figure, one.label): one.moved for one in found.carried}
    built = {line.label: line for line in found.built.labels} if found.built else {}
    rows = []
    for line in found.here.labels:
        then = built.get(line.label)
        for figure in ("sensitivity", "specificity") if line.sensitivity is not None else ("called",):
            old = None if then is None else getattr(then, figure)
            rows.append(ThresholdRow(line.label, figure, old, getattr(line, figure), moved.get((figure, line.label))))
    for figure in ("uncertain", "novel"):
        share = getattr(found.here, figure)
        if share is not None:
            old = None if found.built is None else getattr(found.built, figure)
            rows.append(ThresholdRow("all films", figure, old, share, moved.get((figure, None))))
    there = {one.figure: one.share for one in found.quality_built}
    for one in found.quality:
        rows.append(
            ThresholdRow("all films", one.figure, there.get(one.figure), one.share, moved.get((one.figure, None)))
        )
    return tuple(rows)


def _thresholds(found: OtherFilms, width: int | None) -> str:
    rows = [
        (
            row.label,
            row.figure,
            "not known" if row.built is None else _percent(row.built),
            _percent(row.here),
            str(row.here.films),
            {None: "–", True: "yes", False: "no"}[row.moved],
        )
        for row in thresholds(found)
    ]
    there = f"of its own {counted(found.built.films, 'film')}" if found.built else "of its own films"
    header = ("label", "share", "there", "here", "films", "differs")
    title = f"the float32 student at the bundle's thresholds: % {there}, and of these"
    return f"{title}\n{as_fitted_text(header, rows, width)}"


def _percent(share: Share) -> str:
    """``82 [58, 94]``; ``1.3 [0.5, 4.1]`` below ten."""
    if share.ends is None:
        return "no film"
    value, low, high = (f"{100 * end:.1f}" if end < 0.0995 else f"{100 * end:.0f}" for end in share.ends)
    return f"{value} [{low}, {high}]"


def _artifacts(results: Results, found: OtherFilms, width: int | None) -> str:
    rows = []
    maps = {evidence.artifact: evidence.heatmaps for evidence in results.evidence}
    for verdict in results.verdicts:
        figures, heat = verdict.figures, maps.get(verdict.artifact)
        line = next(one for one in found.artifacts if one.artifact == verdict.artifact)
        share = line.novel
        refused = next((one.share for one in line.quality if one.figure == "refused"), None)
        rows.append(
            (
                verdict.artifact,
                f"{figures.flips} of {figures.decisions}",
                number(figures.logit_sqnr_db),
                number(None if heat is None else heat.correlation_median),
                number(None if share is None else share.value),
                number(None if refused is None else refused.value),
                "kept" if verdict.passed else "BROKEN",
            )
        )
    header = ("artifact", "flips", "SQNR dB", "map corr.", "novel", "refused", "gates")
    lines = [f"{name}: {'; '.join(words)}" for name, words in _failures(results, found).items()]
    title = "the artifacts on these films, by the gates that count here"
    return "\n".join([title, as_fitted_text(header, rows, width), *lines])


def _failures(results: Results, found: OtherFilms) -> dict[str, list[str]]:
    """What each artifact does not keep, here and on the bundle's own films."""
    said: dict[str, list[str]] = {
        verdict.artifact: [gate.words for gate in verdict.failed] for verdict in results.verdicts
    }
    for one in found.own_failed:
        said.setdefault(one.artifact, []).append(f"NOT KEPT on the bundle's own films: {one.words}")
    return {name: words for name, words in said.items() if words}


def _losses(found: OtherFilms) -> str:
    """Bounds on losses of scores that these films do not keep, or cannot show: told, not counted."""
    lines = [
        f"{one.artifact}: {gate.words}" for one in found.artifacts for gate in one.scores if gate.verdict == "broken"
    ]
    unshown = {gate.gate for one in found.artifacts for gate in one.scores if gate.verdict == "not-shown"}
    if unshown:
        lines.append(f"too few patients to hold {', '.join(sorted(unshown))}")
    if lines:
        lines.insert(0, "losses of scores beyond the recipe's bounds, which do not count here:")
    elif any(one.scores for one in found.artifacts):
        lines = ["losses of scores: all within the recipe's bounds, which do not count here"]
    return "\n".join(lines)
