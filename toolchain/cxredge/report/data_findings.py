"""What ``cxredge data check`` found, as tables and sentences for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from cxredge.data.check_record import DataCheck, FilmAt, Pair, PatientLeak, Refused, Shortcut, ValueShare
from cxredge.errors import counted, printable, some_of

SHOWN = 10
"""Findings of a kind that are listed; JSON has all."""
LONGEST = 60
"""Characters of a value that are shown."""
VALUES = 3
SHORTCUTS = ("label", "file", "border", "columns")
KINDS = {"bytes": "same bytes", "pixels": "same pixels", "near": "near duplicate"}

Cells = list[tuple[str, ...]]


def heading(found: DataCheck) -> str:
    """The set in one sentence."""
    columns = ", ".join(dict.fromkeys(found.labels.values()))
    labels = f"{counted(len(found.labels), 'label')} (columns: {columns})" if found.labels else "no labels"
    return f"{found.folder}: {counted(found.rows, 'film')} of {counted(found.patients, 'patient')}, {labels}"


def not_taken(found: DataCheck) -> list[str]:
    """Columns that look like labels and are none, and why."""
    return _listed(f"column {printable(name)} is not taken for a label: {why}" for name, why in found.not_taken.items())


def counts(found: DataCheck) -> tuple[tuple[str, ...], Cells]:
    """Header and rows: all films of each split and those with each label, and in brackets the patients."""
    rows: Cells = [("all", *(f"{of.films:,} ({of.patients:,})" for of in found.splits.values()))]
    for label in found.labels:
        cells = []
        for of in found.splits.values():
            count = of.labels[label]
            untold = f", {count.unlabelled:,} not told" if count.unlabelled else ""
            cells.append(f"{count.positives:,} ({count.positive_patients:,}){untold}")
        rows.append((label, *cells))
    return ("films (patients)", *found.splits), rows


def leaks(found: DataCheck) -> list[str]:
    """Patients and pictures that are in two splits, and pictures that are twice in one."""
    apart, within = [p for p in found.pairs if p.leaks], [p for p in found.pairs if not p.leaks]
    return [
        f"leak: patients in several splits: {_number(found.patient_leaks)}",
        *_listed(map(_patient, found.patient_leaks)),
        f"leak: one picture in two splits: {_number(apart)}",
        *_listed(map(_pair, apart)),
        f"one picture twice in a split: {_number(within)}",
        *_listed(map(_pair, within)),
    ]


def files(found: DataCheck) -> list[str]:
    """Films that cannot be read or are not there, and files that no row names."""
    lines = [f"films that cannot be read: {_number(found.unreadable)}"]
    for code, count in Counter(one.code for one in found.unreadable).most_common():
        first = next(one for one in found.unreadable if one.code == code)
        lines.append(f"  {code}: {counted(count, 'film')}, such as line {first.line}: {first.cause}")
    lines += [f"rows without a file: {_number(found.missing)}", *_listed(map(_row, found.missing))]
    lines += [f"films without a row: {_number(found.not_listed)}", *_listed(found.not_listed)]
    if found.colour:
        grey = found.read - found.colour
        both = f", and {grey:,} are not: a recipe takes one of the two kinds" if grey else ": they need channels: 3"
        lines.append(f"{counted(found.colour, 'film')} in colour{both}")
    if found.without_positives:
        lines.append(f"without a positive film: {some_of(found.without_positives, '; ', SHOWN)}")
    return lines


def shortcuts(found: DataCheck) -> Cells:
    """Rows under ``SHORTCUTS``: how well each label is told by each; what gives it away has a star."""
    rows: Cells = []
    for label in found.labels:
        told = {one.told_by: one for one in found.shortcuts if one.label == label}
        if told:
            columns = sorted(
                (one for by, one in told.items() if by.startswith("column:") and one.given_away),
                key=lambda one: -one.auc,
            )
            by_columns = "; ".join(f"{one.told_by.partition(':')[2]} {_auc(one)}" for one in columns[:VALUES])
            rows.append((label, *(_auc(told[by]) if by in told else "" for by in ("file", "border")), by_columns))
    return rows


def given_away(found: DataCheck) -> list[str]:
    """For every label that is given away the column and the property that do so best, and the source, with values."""
    lines = []
    for label in found.labels:
        of = [one for one in found.shortcuts if one.label == label]
        by_file = any(one.told_by == "file" and one.given_away for one in of)
        ways = [one for one in of if one.values and (one.given_away or (by_file and one.told_by.startswith("file:")))]
        for kind in ("column:", "file:"):
            alike = [one for one in ways if one.told_by.startswith(kind)]
            best = max(alike, key=lambda one: one.auc, default=None)
            # the source is named wherever it tells: it is what a person can do something about
            lines += [
                f"{label} by {one.told_by.replace(':', ' ')} (AUC {one.auc:.2f}): {_values(one)}"
                for one in alike
                if one is best or one.told_by == "column:source"
            ]
    if found.too_few:
        lines.append(f"too few patients to tell shortcuts of: {some_of(found.too_few, ', ', SHOWN)}")
    if found.set_aside:
        lines.append(f"not tried, as they say labels again: columns {', '.join(found.set_aside)}")
    return lines


def verdict(found: DataCheck) -> str:
    """The last line."""
    away = sorted({one.label for one in found.shortcuts if one.given_away})
    said = f"; given away by what is no anatomy: {some_of(away, ', ', SHOWN)}" if away else ""
    if found.leaking:
        return f"{counted(found.leaking, 'leak')} between splits: figures on these films would be too good{said}"
    return f"no leak found between splits{said}"


def _number(of: Sequence[object]) -> str:
    return f"{len(of):,}" if of else "none"


def _listed(lines: Iterable[str]) -> list[str]:
    every = [f"  {line}" for line in lines]
    more = [f"  and {len(every) - SHOWN:,} more (--json has all)"] if len(every) > SHOWN else []
    return every[:SHOWN] + more


def _patient(leak: PatientLeak) -> str:
    films = ", ".join(f"{counted(number, 'film')} in {split}" for split, number in leak.splits.items())
    return f"{' = '.join(leak.names)}: {films}"


def _pair(pair: Pair) -> str:
    how = KINDS[pair.kind] + ("" if pair.correlation is None else f" ({pair.correlation:.3f})")
    differ = f"; labels differ: {', '.join(pair.labels_differ)}" if pair.labels_differ else ""
    return f"{how}: {_film(pair.one)} and {_film(pair.other)}{differ}"


def _film(film: FilmAt) -> str:
    return f"{film.file} ({film.split}, patient {film.patient})"


def _row(refused: Refused) -> str:
    return f"line {refused.line}: {refused.file}"


def _auc(one: Shortcut) -> str:
    between = "" if one.low is None or one.high is None else f" [{one.low:.2f}, {one.high:.2f}]"
    return f"{one.auc:.2f}{between}{'*' if one.given_away else ''}"


def _values(one: Shortcut) -> str:
    """Those that move most films away from the share of all."""
    films = sum(value.films for value in one.values)
    mean = sum(value.films * value.share for value in one.values) / films

    def moved(value: ValueShare) -> float:
        return -value.films * abs(value.share - mean)

    best = sorted(one.values, key=moved)[:VALUES]
    return "; ".join(f"{_short(value.value)}: {value.share:.0%} of {value.films:,}" for value in best)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
