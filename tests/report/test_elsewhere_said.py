"""What is said of films that a bundle was not built with, on a terminal and on the page."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from cxredge.data.other_sets import open_other
from cxredge.evidence_other_films import ArtifactElsewhere, KnownFilm, OtherFilms, OwnFailure, Unread
from cxredge.parity.at_thresholds import carried, operating
from cxredge.parity.flagged import carried_quality, flagged_here, flagged_there
from cxredge.parity.gates import rejudge
from cxredge.recipe_file import load_recipe
from cxredge.report.data_files import contents
from cxredge.report.elsewhere import apart, text, thresholds, warnings
from cxredge.report.junit import as_junit, lacking
from cxredge.report.material import ReportMaterial
from cxredge.report.page import write_report
from cxredge.results import GateResult
from cxredge.vocabulary import QUALITY_KINDS, ArtifactName
from report.plausible import films_for, material_for, outputs_for, recipe_for
from support.command import ROOT
from support.pages import blocks, page, run_program

LABELS = ["Pleural_Thickening", "Nodule"]


@pytest.fixture(scope="module")
def material() -> ReportMaterial:
    """A report on other films, whose thresholds moved and some of which could not be read."""
    recipe = recipe_for(LABELS, ["tflite/fp32", "tflite/w8a8"])
    films = films_for(120, len(LABELS))
    outputs = outputs_for(films, recipe.artifacts())
    whole = material_for(recipe, films, outputs)
    there = operating(recipe, films, outputs["reference"])
    shifted = {**outputs["reference"], "logits": outputs["reference"]["logits"] - 2}
    here = operating(recipe, films, shifted)
    quality = np.full((120, 4), -1, np.float32)
    quality[:24, 0] = quality[:2, 3] = 1
    shifted["quality"] = quality
    patients = [film.patient for film in films]
    flagged = flagged_here(recipe, shifted, patients)
    before = flagged_there(whole.results.verdicts[0].figures, 70)
    scores = (GateResult(gate="auc_loss", bound=0.02, value=0.03, verdict="broken"),)
    found = OtherFilms(
        data="our hospital",
        table_sha256="b" * 64,
        films=120,
        patients=70,
        patients_named=True,
        judged=tuple(LABELS),
        not_judged=(),
        unread=tuple(Unread(film=f"{i}.png", code="IMG-COLOUR", cause="it is <b>colour</b>") for i in range(30)),
        not_listed=2,
        same_bytes=0,
        known=(),
        built_with=False,
        here=here,
        built=there,
        carried=(*carried(there, here), *carried_quality(before, flagged)),
        quality=flagged,
        quality_built=before,
        artifacts=tuple(
            ArtifactElsewhere(artifact=artifact.name, novel=here.novel, quality=flagged, scores=scores)
            for artifact in whole.results.artifacts
        ),
        warnings=(),
    )
    found = found.model_copy(update={"warnings": tuple(warnings(found))})
    not_asked = {ArtifactName("coreml/fp16"): "not installed: coremltools"}
    results = whole.results.model_copy(update={"other_films": found, "not_asked": not_asked})
    return ReportMaterial(results, recipe, films, outputs, whole.pixels)


def other(material: ReportMaterial) -> OtherFilms:
    assert material.results.other_films is not None
    return material.results.other_films


@pytest.mark.parametrize("width", [80, 40])
def test_tables_fit_a_terminal_and_say_what_moved(material: ReportMaterial, width: int) -> None:
    said = text(material.results, other(material), width)
    assert [line for line in said.split("\n") if len(line) > width and "  " in line and "bbb" not in line] == []
    assert "warning: operating points do not carry over: sensitivity of Pleural_Thickening" in said
    assert "not read, and so not judged: 30 films" in said
    assert "and 10 more, which --json lists" in said
    assert "2 other files" in said
    assert "tflite/w8a8: auc_loss is 0.03, the bound is at most 0.02" in said
    rows = thresholds(other(material))
    assert [row.figure for row in rows] == ["sensitivity", "specificity"] * 2 + ["novel", "refused", *QUALITY_KINDS]
    assert {row.moved for row in rows} == {True, False}


def test_films_that_would_be_refused_are_counted_by_kind_and_warned_of(material: ReportMaterial) -> None:
    found = other(material)
    assert [(one.figure, one.share.hits) for one in found.quality] == [
        ("refused", 24), ("inverted", 24), ("upside-down", 0), ("turned", 0), ("mirrored", 2),
    ]  # fmt: skip
    (line,) = [line for line in found.warnings if "held wrongly" in line]
    assert line.startswith("many films look exported or held wrongly: inverted 0.20 [")
    assert "0.00 [0.00, 0.05] there (thresholds were chosen for at most 1 % of ordinary films)" in line
    assert "the float32 student's, of whose answers 24 of 120 would be held back" in line
    assert "mirrored" not in line, "two films of 120 are no more than there"
    assert not [line for line in found.warnings if "like the bundle's own: inverted" in line]
    alone = found.model_copy(update={"quality_built": (), "carried": ()})
    (line,) = [line for line in warnings(alone) if "held wrongly" in line]
    assert "inverted 0.20" in line
    assert "there" not in line.split("(")[0]
    assert "not known" in text(material.results, alone, 80)
    calm = alone.model_copy(update={"quality": tuple(one for one in found.quality if one.figure == "upside-down")})
    assert not [line for line in warnings(calm) if "held wrongly" in line]


def test_what_the_films_lack_is_said_first(material: ReportMaterial) -> None:
    found = other(material)
    known = KnownFilm(film="7.png", same_as="images/7.png", used_for=("calibration", "validation"))
    lacking = found.model_copy(
        update={
            "patients_named": False, "patients": 3, "judged": ("Nodule",), "not_judged": ("Pleural_Thickening",),
            "known": (known,), "built_with": True, "built": None, "carried": (), "same_bytes": 4,
        }
    )  # fmt: skip
    said = "\n".join(warnings(lacking))
    for words in (
        "1 film of 120 that the bundle was built with (1 for calibration and validation)",
        "the student may have learnt from its films", "each film as a patient", "3 patients: intervals say little",
        "not judged, as the table does not tell them: Pleural_Thickening", "4 films with the same bytes",
        "of an older version",
    ):  # fmt: skip
        assert words in said
    assert "carry over:" not in said
    assert "was not built with" in apart(found)
    assert "not of other films alone" in apart(lacking)
    assert "is not known" in apart(lacking.model_copy(update={"known": ()}))
    lines = found.here.labels
    empty = lines[0].sensitivity.model_copy(update={"films": 0}) if lines[0].sensitivity is not None else None
    one_sided = tuple(line.model_copy(update={"sensitivity": empty}) for line in lines)
    none = found.model_copy(update={"here": found.here.model_copy(update={"labels": one_sided})})
    assert "no film with Pleural_Thickening, Nodule: nothing" in "\n".join(warnings(none))
    assert "nothing here says whether" in "".join(warnings(found.model_copy(update={"judged": ()})))
    assert "not known" in text(material.results, lacking, 80)


def test_the_page_names_the_films_and_escapes_what_they_say(material: ReportMaterial, tmp_path: Path) -> None:
    page, *tables = write_report(tmp_path / "report.html", material)
    html = page.read_text()
    assert {"thresholds.csv", "unread.csv"} <= {file.name for file in tables}
    assert 'id="other-films"' in html
    assert "b" * 64 in html
    assert "do not carry over" in html
    assert "<b>colour</b>" not in html
    assert "<li>coreml/fp16: not installed: coremltools</li>" in html
    assert "Every film behind this page is a phantom" not in html, "the films are not the recipe's"
    assert "The student learnt from drawings" in html
    assert html.count("upper end of the interval here") == 1
    csv = contents(material)["thresholds.csv"].splitlines()
    assert csv[0].startswith("label,figure,built_hits,built_films")
    assert len(csv) == 11
    assert csv[-4].startswith("all films,inverted,0,120,70,0.0,0.0,")
    plain = ReportMaterial(
        material.results.model_copy(update={"other_films": None}),
        material.recipe, material.films, material.outputs, material.pixels,
    )  # fmt: skip
    write_report(tmp_path / "plain.html", plain)
    assert "other-films" not in (tmp_path / "plain.html").read_text()


def test_gate_judges_other_films_by_the_gates_that_count_there(material: ReportMaterial) -> None:
    verdicts = rejudge(material.results, material.recipe)
    assert {gate.gate for verdict in verdicts for gate in verdict.gates} <= {
        "logit_max_abs", "logit_sqnr_db", "cam_sqnr_db", "cam_correlation", "novelty_max_rel", "flip_rate", "delegated",
        "quality_sqnr_db",
    }  # fmt: skip
    assert all(verdict.gates for verdict in verdicts)


def test_an_artifact_without_a_verdict_is_never_kept(material: ReportMaterial) -> None:
    name, results = ArtifactName("coreml/fp16"), material.results
    without = lacking(results, ["tflite/fp32", name])
    assert [(lack.artifact, lack.fails) for lack in without] == [(name, True)]
    assert not lacking(results, ["tflite/fp32"])[0].fails
    assert not lacking(results.model_copy(update={"not_asked": {}}), [])
    for lacks, counts in ((without, ("1", "0")), (lacking(results, ()), ("0", "1"))):
        (suite,) = ElementTree.fromstring(as_junit("a", (), lacks))
        assert (suite.get("name"), suite.get("failures"), suite.get("skipped")) == (name, *counts)
        assert [said.get("message") for case in suite for said in case] == ["not asked: not installed: coremltools"]


def test_an_artifact_that_failed_on_the_bundles_own_films_is_never_kept(
    material: ReportMaterial, tmp_path: Path
) -> None:
    own = OwnFailure(
        artifact=ArtifactName("tflite/w8a8"),
        gates=(GateResult(gate="flip_rate", bound=0.03, value=0.04, verdict="broken"),),
    )
    failed = other(material).model_copy(update={"own_failed": (own,)})
    failed = failed.model_copy(update={"warnings": tuple(warnings(failed))})
    results = material.results.model_copy(update={"other_films": failed, "not_asked": {}})
    said = text(results, failed, 80)
    assert said.startswith("warning: this bundle's own gates were not kept")
    assert "tflite/w8a8: flip_rate is 0.04, the bound is at most 0.03" in said.split("\n")[0]
    assert said.count("own gates were not kept") == 1
    assert "tflite/w8a8: NOT KEPT on the bundle's own films: flip_rate" in said
    assert [line for line in said.split("\n") if len(line) > 80 and "  " in line] == []
    for required, counts in ((["tflite/w8a8"], {"1"}), (["tflite/fp32"], {"0"})):
        without = lacking(results, required)
        suites = ElementTree.fromstring(as_junit("a", results.verdicts, without))
        assert {suite.get("name") for suite in suites} == {"tflite/fp32", "tflite/w8a8"}
        case = suites.find("testsuite[@name='tflite/w8a8']/testcase[@name='own-gates']")
        assert case is not None
        assert {str(len(case.findall("failure")))} == counts
        assert next(iter(case)).get("message", "").endswith("the bound is at most 0.03")
    page = write_report(tmp_path / "r.html", replace(material, results=results))[0].read_text()
    assert "Not kept when the bundle was built, on its own films" in page


def test_the_pages_table_is_read_by_the_pages_command(tmp_path: Path) -> None:
    (rows,) = blocks(page("own-films.md"), "csv")
    (tmp_path / "labels.csv").write_text(rows)
    (line,) = (shlex.split(block) for block in blocks(page("own-films.md"), "sh") if "--map" in block)
    names = dict(word.split("=") for word, before in zip(line[1:], line, strict=False) if before == "--map")
    found = open_other(tmp_path, load_recipe(ROOT / "model_zoo" / "phantom"), names)
    assert found.labels.told == ("Cardiomegaly", "Effusion")
    assert [film.targets[:2].tolist() for film in found.films] == [[1, 0], [1, 1], [0, 0]]
    assert [film.patient for film in found.films] == ["17", "17", "18"]
    assert found.films[0].columns == {"sex": "F"}


def test_the_pages_program_reads_results(material: ReportMaterial, tmp_path: Path) -> None:
    (program,) = blocks(page("own-films.md"))
    (tmp_path / "ours.json").write_text(material.results.model_dump_json())
    done = run_program(program, tmp_path)
    assert done.status == 0, done.err
    assert done.out.startswith("120 films of 70 patients; 30 not read\nsensitivity Pleural_Thickening ")
