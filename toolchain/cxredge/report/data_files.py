"""The report's tables as files: one CSV a table with full precision, and the results whole as JSON."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel

from cxredge import strict_json
from cxredge.errors import CxrError, InputError
from cxredge.evidence_decisions import Confusion
from cxredge.files import canonical_json, fresh_directory, not_empty, read_bytes, write_text
from cxredge.metrics import METRICS
from cxredge.parity.results_file import MAX_BYTES
from cxredge.path_errors import writing
from cxredge.report.elsewhere import thresholds
from cxredge.report.material import ReportMaterial

Row = dict[str, object]
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the start of a formula (OWASP, CSV injection)."""
RESULTS = "results.json"
OF_OTHER_FILMS = ("thresholds", "unread")
"""Only where a bundle was judged on films that it was not built with."""
TABLES = (
    "verdicts", "gates", "labels", "temperatures", "flips", "confusion", "subgroups", "heatmaps", "strangers",
    "accidents", "stress", "stability", "layers", "latency", *OF_OTHER_FILMS,
)  # fmt: skip


def contents(material: ReportMaterial) -> dict[str, str]:
    """Text by file name: ``results.json``, ``explanations.json`` where there are any, a CSV a table with rows."""
    files = {RESULTS: canonical_json(material.results.model_dump(mode="json"))}
    if material.explanations:
        files["explanations.json"] = canonical_json([e.model_dump(mode="json") for e in material.explanations])
    return files | {f"{name}.csv": csv_text(lines) for name, lines in tables(material).items() if lines}


def write_data(folder: Path, files: Mapping[str, str]) -> tuple[Path, ...]:
    """Write the files into ``folder``, in place of an earlier report's: it is whole or as it was.

    Raises InputError REPORT-FOLDER when ``folder`` holds anything that is no report's, and what ``fresh_directory``
    raises.
    """
    check_data_place(folder)
    with fresh_directory(folder, _foreign) as fresh:
        for name, text in files.items():
            write_text(fresh / name, text)
    return tuple(folder / name for name in files)


def check_data_place(folder: Path) -> None:
    """Raises InputError REPORT-FOLDER where something else than a report's tables would be replaced."""
    with writing(folder):
        found = _foreign(folder) if os.path.lexists(folder) and not_empty(folder) else None
    if found is not None:
        what = f"holds {found}, which no report wrote" if os.path.isdir(folder) else "is no folder"
        raise InputError("REPORT-FOLDER", f"{folder} {what}", "give the report another name, or move that away")


def _foreign(folder: Path) -> str | None:
    """A report's tables stand beside the results that they are of; other people's tables have such names too."""
    if not folder.is_dir():
        return folder.name
    ours = {RESULTS, "explanations.json", *(f"{name}.csv" for name in TABLES)}
    names = sorted(os.listdir(folder))
    if foreign := [name for name in names if name not in ours or not (folder / name).is_file()]:
        return foreign[0]
    try:
        tree = strict_json.parse(read_bytes(folder / RESULTS, MAX_BYTES), MAX_BYTES)
    except (CxrError, ValueError):
        return names[0]
    return None if isinstance(tree, dict) and {"bundle", "verdicts"} <= tree.keys() else RESULTS


def tables(material: ReportMaterial) -> dict[str, list[Row]]:
    """Every table by name, in the order of ``TABLES``; no rows: it was not measured.

    ``artifact`` alone is a column of the artifact's own figure, beside ``reference``; its name is ``artifact_name``.
    """
    results = material.results
    found: dict[str, list[Row]] = {name: [] for name in TABLES}
    for artifact in results.artifacts:
        verdict = material.verdict(artifact)
        head: Row = {"artifact_name": artifact.name}
        figures = verdict.figures.model_copy(update={"flips_by_label": {}, "quality": ()})
        found["accidents"] += [{**head, **flat(line)} for line in verdict.figures.quality]
        said: Row = {"passed": verdict.passed, "run_by": verdict.runtime, "bytes": artifact.bytes}
        absent = {
            m.name
            for m in METRICS
            if artifact.lacks(m.output) or (m.of == "classes" and getattr(figures, m.name) is None)
        }
        measured = {name: cell for name, cell in flat(figures).items() if name not in absent}
        found["verdicts"].append({**head, "sha256": artifact.sha256, **said, **measured})
        found["gates"] += [{**head, **flat(gate)} for gate in verdict.gates]
    for evidence in results.evidence:
        head = {"artifact_name": evidence.artifact}
        mean = {name: cell for name, cell in flat(evidence.macro).items() if name != "points"}
        found["labels"] += [*({**head, **flat(line)} for line in evidence.labels), {**head, **mean}]
        found["temperatures"].append({**head, **flat(evidence.temperature)})
        found["confusion"] += (
            [] if evidence.confusion is None else [{**head, **row} for row in _counts(evidence.confusion)]
        )
        for name, lines in (
            ("flips", evidence.flips),
            ("subgroups", evidence.subgroups),
            ("strangers", evidence.strangers),
            ("stress", evidence.stress),
            ("heatmaps", (evidence.heatmaps,)),
            ("stability", (evidence.stability,)),
        ):
            found[name] += [{**head, **flat(line)} for line in lines if line is not None]
    for explanation in material.explanations:
        found["layers"] += [
            {"artifact_name": explanation.artifact, "place": place, **flat(line)}
            for place, line in enumerate(explanation.layers, 1)
        ]
    if (other := results.other_films) is not None:
        found["thresholds"] = [row.flat() for row in thresholds(other)]
        found["unread"] = [flat(one) for one in other.unread]
    if material.bench is not None:
        found["latency"] = [flat(times) for times in material.bench.artifacts]
    return found


def _counts(found: Confusion) -> Iterable[Row]:
    """A row for each model, class of the data set and answer; None, an empty cell, is the answer "uncertain"."""
    for model, counts in (("reference", found.reference), ("artifact", found.artifact)):
        for says, row in zip(found.classes, counts, strict=True):
            for answer, films in zip((*found.classes, None), row, strict=True):
                yield {"model": model, "truth": says, "answer": answer, "films": films}


def flat(record: BaseModel) -> Row:
    """A record as one row: nested records' fields with their names joined by ``_``."""

    def spread(name: str, value: object) -> Iterable[tuple[str, object]]:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                yield from spread(f"{name}_{key}", inner)
        else:
            yield name, value

    return {key: cell for name, value in record.model_dump().items() for key, cell in spread(name, value)}


def csv_text(lines: list[Row]) -> str:
    """CSV with a header; floats as Python's shortest text that reads back equal, an empty cell for None.

    Text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    columns = list(dict.fromkeys(name for line in lines for name in line))
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(line.get(name)) for name in columns] for line in lines)
    return stream.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(FORMULA):
        return "'" + value
    return str(value).lower() if isinstance(value, bool) else value
