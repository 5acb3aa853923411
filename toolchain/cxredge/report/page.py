"""The report: one HTML page that needs nothing beside it, and every table as a file in the folder next to it."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from cxredge import __version__
from cxredge.errors import InputError
from cxredge.evidence import Evidence
from cxredge.evidence_decisions import ClassFlip, Flip
from cxredge.files import write_text
from cxredge.metrics import metrics_of
from cxredge.recipe_student import GRADIENT_MAPS, NO_MAPS, NO_NOVELTY, NO_QUALITY
from cxredge.report import charts, choice, overview, panels, words
from cxredge.report.charts import Svg
from cxredge.report.confusion import Matrix, matrices
from cxredge.report.data_files import check_data_place, contents, write_data
from cxredge.report.elsewhere import apart, thresholds
from cxredge.report.gallery import Exhibit, exhibits
from cxredge.report.material import REFERENCE, ReportMaterial
from cxredge.results import SEMANTICS, Artifact, ArtifactTimes, Paired, Verdict, weak_gates
from cxredge.text_templates import templates

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class View:
    """One artifact as the page shows it."""

    place: int
    """In the results' order."""
    artifact: Artifact
    verdict: Verdict
    evidence: Evidence | None
    failures: tuple[str, ...]
    """Gates that do not hold, in words."""
    not_applicable: tuple[str, ...]
    times: ArtifactTimes | None
    labels: tuple[panels.LabelPanel, ...]
    classes: tuple[tuple[str, Paired], ...]
    """Figures of exclusive classes with their words; empty for independent findings."""
    matrices: tuple[Matrix, ...]
    """Of the reference, and of the artifact; empty for independent findings and where only gates were judged."""
    flips: tuple[Flip | ClassFlip, ...]
    reliability: tuple[Svg, ...]
    """Of the reference, and of the artifact; empty without temperatures, and where no label is judged."""
    layers: panels.LayerPanel | None
    exhibits: tuple[Exhibit, ...]

    @property
    def semantics(self) -> bool:
        """Whether another program than its runtime ran it."""
        return self.verdict.runtime == SEMANTICS


def write_report(path: Path, material: ReportMaterial) -> tuple[Path, ...]:
    """Write the page to ``path`` and the tables into ``<stem>-data`` beside it; equal material gives equal bytes.

    The data go first, so that a page never stands without the files that it links to. Returns all files written, the
    page first. Raises InputError REPORT-FOLDER, EnvironmentProblem DISK-*.
    """
    check_place(path)
    _, folder = places(path)
    files = contents(material)
    text = render(material, {name: f"./{quote(folder.name)}/{name}" for name in files})
    data = write_data(folder, files)
    write_text(path, text)
    return (path, *data)


def places(path: Path) -> tuple[Path, Path]:
    """What a report writes: the page, and the folder of its tables."""
    return path, path.with_name(f"{path.stem}-data")


def check_place(path: Path) -> None:
    """Whether a page could be written there, before minutes are spent. Raises InputError REPORT-FOLDER."""
    if os.path.isdir(path):
        raise InputError("REPORT-FOLDER", f"{path} is a folder", "name a file, for example report.html")
    check_data_place(places(path)[1])


def render(material: ReportMaterial, data: Mapping[str, str]) -> str:
    """The page as HTML. data: links to the files beside it, by their names."""
    environment = templates(TEMPLATES, markup="html")
    for name in ("figure", "fixed", "signed", "percent", "megabytes", "interval", "breakable"):
        environment.filters[name] = getattr(words, name)
    environment.filters["few"] = panels.few
    script = (TEMPLATES / "script.js").read_text("utf-8")
    views = tuple(_view(material, place, artifact) for place, artifact in enumerate(material.results.artifacts))
    names = [v.artifact.name for v in views]
    primary = material.recipe.primary
    return environment.get_template("page.html.j2").render(
        m=material,
        r=material.results,
        terms=material.terms,
        recipe=material.recipe,
        views=views,
        start=names.index(primary) if primary in names else 0,
        patients=len({film.patient for film in material.films}),
        auc_losses=overview.auc_losses(material),
        accuracy_losses=overview.accuracy_losses(material),
        flip_rates=overview.flip_rates(material),
        cost_charts=overview.cost_charts(material),
        shapes=overview.SHAPES,
        colours=overview.COLOURS,
        charts=panels,
        glyph=charts.glyph,
        gates=words.GATES,
        weak=weak_gates(material.results.verdicts),
        choice=choice,
        thresholds=() if material.results.other_films is None else thresholds(material.results.other_films),
        apart="" if material.results.other_films is None else apart(material.results.other_films),
        no_maps=NO_MAPS,
        gradient_maps=GRADIENT_MAPS,
        no_novelty=NO_NOVELTY,
        no_quality=NO_QUALITY,
        data=data,
        style=Svg((TEMPLATES / "style.css").read_text("utf-8")),
        script=Svg(script),
        # only this script may run: a name that got past the escaping could not
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        version=__version__,
    )


def _view(material: ReportMaterial, place: int, artifact: Artifact) -> View:
    verdict, evidence = material.verdict(artifact), material.evidence(artifact.name)
    explanation = material.explanation(artifact.name)
    drawn = choice.labels(material, artifact.name)
    times = material.bench.artifacts if material.bench is not None else ()
    curves: tuple[Svg, ...] = ()
    if evidence is not None and material.judged.any():
        heat = evidence.temperature
        curves = (
            panels.reliability_chart(material, REFERENCE, heat.reference, "reference"),
            panels.reliability_chart(material, artifact.name, heat.artifact, "artifact"),
        )
    return View(
        place=place,
        artifact=artifact,
        verdict=verdict,
        evidence=evidence,
        failures=tuple(words.failure(g, verdict.figures) for g in verdict.failed),
        not_applicable=tuple(words.GATES.get(g.gate, g.gate) for g in verdict.gates if g.verdict == "not-applicable"),
        times=next((t for t in times if t.name == artifact.name), None),
        labels=tuple(panels.label_panel(material, artifact.name, i) for i in drawn),
        classes=tuple(
            (m.words, figure) for m in metrics_of("classes") if (figure := getattr(verdict.figures, m.name)) is not None
        ),
        matrices=matrices(evidence.confusion, artifact.name, drawn) if evidence and evidence.confusion else (),
        flips=choice.flips(evidence) if evidence else (),
        reliability=curves,
        layers=panels.layer_panel(explanation) if explanation else None,
        exhibits=exhibits(material, artifact.name),
    )
