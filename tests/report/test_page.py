"""The page as text: what it says, what it links to, and what it must never hold."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from cxredge.errors import InputError
from cxredge.evidence_chance import Chance, Held
from cxredge.parity.paired import BOOTSTRAP
from cxredge.recipe_student import GRADIENT_MAPS, NO_MAPS, NO_NOVELTY, NO_QUALITY
from cxredge.report.material import ReportMaterial
from cxredge.report.page import TEMPLATES, write_report
from report.plausible import films_for, material_for, outputs_for, recipe_for
from support.imported import imported

LABELS = ["Cardiomegaly", "Effusion", "Nodule"]
SECTIONS = (
    "overview", "logits", "flips", "roc", "calibration", "layers", "cost", "heatmaps", "subgroups", "strangers",
    "accidents", "stress", "stability",
)  # fmt: skip

VOID = {"meta", "br", "img", "input", "wbr"}


class Page(HTMLParser):
    """Elements with their attributes, headings, ids and text; fails where tags do not close as they opened."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID and not (self.get_starttag_text() or "").endswith("/>"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and not (self._open and self._open[-1] != tag and tag == "path"):
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open and "script" not in self._open:
            self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def material(
    labels: list[str] | None = None, films: int = 90, file: str = "images/film_{:05d}.png", **more: object
) -> ReportMaterial:
    names = labels or LABELS
    recipe = recipe_for(names, more.pop("artifacts", None), bool(more.pop("folder_data", False)))  # type: ignore[arg-type]
    shown = films_for(films, len(names), file)
    return material_for(recipe, shown, outputs_for(shown, recipe.artifacts()), **more)  # type: ignore[arg-type]


def written(tmp_path: Path, whole: ReportMaterial) -> tuple[Page, str]:
    goal = tmp_path / "report.html"
    assert write_report(goal, whole)[0] == goal
    text = goal.read_text("utf-8")
    return Page(text), text


def words(page: Page) -> str:
    return " ".join(page.text.split())


def test_nothing_outside_the_page_is_asked_for(tmp_path: Path) -> None:
    page, text = written(tmp_path, material())
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            assert name not in ("srcset", "background", "action", "formaction", "xlink:href", "ping", "poster"), tag
            if name == "src":
                assert (value or "").startswith("data:image/jpeg;base64,")
            if name == "href":
                assert re.fullmatch(r"#[a-z0-9-]+|\./report-data/[a-z]+\.(csv|json)", value or ""), value
    assert not {tag for tag, _ in page.elements} & {"link", "iframe", "object", "embed", "base", "form", "use", "audio"}
    assert "http:" not in text
    assert "https:" not in text
    assert "url(" not in text
    assert "@import" not in text
    (policy,) = (m["content"] for m in page.of("meta") if m.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_links_lead_somewhere(tmp_path: Path) -> None:
    for more in ({}, {"evidence": False, "extras": False}):
        page, _ = written(tmp_path, material(**more))
        ids = [a["id"] for _, a in page.elements if a.get("id")]
        assert len(set(ids)) == len(ids)
        for link in page.of("a"):
            goal = link["href"] or ""
            assert goal[1:] in ids if goal.startswith("#") else (tmp_path / goal).is_file(), goal
    whole, _ = written(tmp_path, material())
    linked = {(a["href"] or "").rpartition("/")[2] for a in whole.of("a")}
    assert {p.name for p in (tmp_path / "report-data").iterdir()} == {
        name for name in linked if name.endswith(("csv", "json"))
    }


def test_it_is_built_for_readers_of_all_kinds(tmp_path: Path) -> None:
    page, text = written(tmp_path, material())
    assert text.startswith('<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">')
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(th.get("scope") in ("row", "col") for th in page.of("th"))
    assert len(page.of("caption")) == len(page.of("table"))
    assert all(image.get("alt") for image in page.of("img"))
    charts = re.findall(r"<svg role=.*?</svg>", text, re.S)
    assert len(charts) > 50
    for chart in charts:
        root = ET.fromstring(chart)
        assert root.attrib["role"] == "img"
        assert [child.tag for child in root[:2]] == ["title", "desc"]
        assert all(child.text for child in root[:2])
    assert sum("checked" in radio for radio in page.of("input")) == 1


def test_sections_stand_in_order_and_each_says_what_it_shows(tmp_path: Path) -> None:
    page, text = written(tmp_path, material())
    assert [s["id"] for s in page.of("section")] == list(SECTIONS)
    assert text.index('id="verdict"') < text.index('id="overview"')
    for section in re.split(r"<section ", text)[1:]:
        paragraph = re.search(r"</h2>\s*<p>(.*?)</p>", section, re.S)
        assert paragraph is not None
        assert len(paragraph[1].split()) > 35


def test_the_verdict_names_gates_values_and_what_was_not_verified(tmp_path: Path) -> None:
    whole = material()
    verdicts = tuple(
        v.model_copy(
            update={
                "passed": False,
                "gates": (v.gates[0].model_copy(update={"verdict": "broken", "value": 0.034, "bound": 0.02}),),
            }
        )
        if v.artifact == "onnx/w8a8"
        else v.model_copy(update={"passed": True})
        for v in whole.results.verdicts
    )
    whole = replace(whole, results=whole.results.model_copy(update={"verdicts": verdicts}))
    page, _ = written(tmp_path, whole)
    said = words(page)
    assert "✗ 1 of 11 artifacts does not keep every gate" in said
    assert "onnx/w8a8: share of decisions flipped: 0.034, bound 0.02" in said
    assert whole.results.statement in said
    assert "makes no claim of clinical validity" in said
    assert "its own runtime was not run" in said


def test_all_kept_is_said_only_when_all_are_kept(tmp_path: Path) -> None:
    whole = material(films=300)
    passed = tuple(v.model_copy(update={"passed": True}) for v in whole.results.verdicts)
    results = whole.results.model_copy(update={"verdicts": passed})
    page, _ = written(tmp_path, replace(whole, results=results))
    assert "✓ All 11 artifacts keep every gate" in words(page)
    assert "not keep" not in words(page).split("Phantoms.")[0]


def test_phantoms_are_named_and_films_are_not_called_phantoms(tmp_path: Path) -> None:
    page, _ = written(tmp_path, material())
    assert "Every film behind this page is a phantom" in words(page)
    assert "90 phantom films" in words(page)
    real, _ = written(tmp_path, material(folder_data=True))
    assert "phantom" not in words(real).lower().replace("phantom 1.0.0", "")


def test_too_few_is_visible_in_tables_and_charts(tmp_path: Path) -> None:
    page, text = written(tmp_path, material(films=14))
    assert 'class="few">too few</span>' in text
    assert re.search(r"\d+ positive patients, 10 are needed", words(page))
    assert "too few: " in "".join(re.findall(r'class="note">(.*?)<', text))


def test_what_was_not_measured_is_said(tmp_path: Path) -> None:
    page, _ = written(tmp_path, material(evidence=False, extras=False))
    said = words(page)
    for what in ("A list of flips", "Calibration", "Error by layer", "Agreement on changed films", "Stability"):
        assert f"{what} was not measured in this run." in said
    assert "Latency was not measured in this run" in said
    assert [s["id"] for s in page.of("section")] == list(SECTIONS)


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    evil = '"><script>alert({:05d})</script><img src=x onerror=alert(1)>'
    whole = material(films=60, file=evil)
    results = whole.results.model_copy(update={"bundle": "</title><script>1</script>", "statement": "<b>{{ 7 * 7 }}"})
    page, text = written(tmp_path, replace(whole, results=results))
    assert text.count("<script") == 1
    assert not [i for i in page.of("img") if not (i["src"] or "").startswith("data:image/jpeg")]
    assert "alert(00" in page.text
    assert "<b>{{ 7 * 7 }}" in page.text


@pytest.mark.parametrize(("labels", "films"), [(1, 3), (64, 40)])
def test_few_and_many_labels(tmp_path: Path, labels: int, films: int) -> None:
    names = [f"L{i}_" + "very_long_" * 3 for i in range(labels)]
    page, _ = written(tmp_path, material(names, films))
    assert [s["id"] for s in page.of("section")] == list(SECTIONS)
    assert ("the 12 with most flips are drawn" in words(page)) == (labels == 64)


def test_eleven_artifacts_64_labels_and_5000_films_are_a_page_of_five_megabytes(tmp_path: Path) -> None:
    names = [f"L{i}_" + "very_long_" * 3 for i in range(64)]
    recipe, films = recipe_for(names), films_for(5000, 64)
    _, text = written(tmp_path, material_for(recipe, films, outputs_for(films, recipe.artifacts(), cells=2)))
    assert len(text.encode()) < 5_000_000


def test_equal_material_gives_equal_bytes_and_no_machine_path(tmp_path: Path) -> None:
    _, first = written(tmp_path / "one", material())
    _, second = written(tmp_path / "two", material())
    assert first == second
    assert "nowhere" not in first


def test_a_goal_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="REPORT-FOLDER"):
        write_report(tmp_path, material())
    assert list(tmp_path.iterdir()) == []


def test_a_refused_data_folder_leaves_the_old_page(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("old")
    (tmp_path / "report-data").mkdir()
    (tmp_path / "report-data" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"mine\.txt"):
        write_report(tmp_path / "report.html", material())
    assert (tmp_path / "report.html").read_text() == "old"


def test_odd_file_names_still_find_their_tables(tmp_path: Path) -> None:
    goal = tmp_path / "a:b #1?.html"
    write_report(goal, material())
    from urllib.parse import unquote

    links = [a["href"] or "" for a in Page(goal.read_text("utf-8")).of("a")]
    files = [unquote(link) for link in links if link.startswith("./")]
    assert files
    assert all((tmp_path / f).is_file() for f in files)
    assert not [link for link in links if link.startswith("./") and set(link) & set("?#:")]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 contrast ratio of two #rrggbb colours."""

    def luminance(colour: str) -> float:
        full = "".join(2 * c for c in colour[1:]) if len(colour) == 4 else colour[1:]
        parts = [int(full[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_have_contrast(scheme: int) -> None:
    css = (TEMPLATES / "style.css").read_text("utf-8")
    block = re.findall(r":root \{(.*?)\n *\}", css, re.S)[scheme]
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", block))
    for name in ("text", "soft", "link", "good", "bad", "open"):
        assert contrast(colours[name], colours["page"]) >= 4.5, name
        assert contrast(colours[name], colours["card"]) >= 4.5, name
    for name in ("reference", "artifact", "risen", "fallen", "present", "hue-a", "hue-b", "hue-c", "hue-d", "hue-e"):
        assert contrast(colours[name], colours["page"]) >= 3, name


def test_margins_come_from_the_recipe(tmp_path: Path) -> None:
    _, text = written(tmp_path, material())
    loss = re.search(r"<svg role=\"img\" aria-label=\"AUC loss of every artifact\".*?</svg>", text, re.S)
    assert loss is not None
    assert loss[0].count('class="bound"') == 11


def test_labels_that_are_not_judged_are_named_and_no_truth_is_shown_of_them(tmp_path: Path) -> None:
    recipe = recipe_for(LABELS)
    recipe = recipe.model_copy(update={"labels": recipe.labels.model_copy(update={"not_judged": ("Nodule",)})})
    shown = films_for(90, 3)
    outputs = outputs_for(shown, recipe.artifacts())
    page, text = written(tmp_path, material_for(recipe, shown, outputs))
    said = words(page)
    assert "Nodule: the films have no ground truth for it. Agreement with the reference is measured" in said
    section = text.partition('<section id="roc">')[2].partition("</section>")[0]
    figures = [part.partition("</figure>")[0] for part in section.split("<figure><h4>") if part.startswith("Nodule")]
    assert len(figures) == len(recipe.artifacts())
    assert all("the films have no ground truth for it" in part and "with the finding" not in part for part in figures)
    assert "film of which nobody knows" in said
    assert "All labels that are judged are taken together" in said
    # whatever the films' targets say of it, the page and its tables are the same
    assert any(film.targets[2] for film in shown)
    blank = [replace(film, targets=film.targets * np.array([1, 1, 0], np.float32)) for film in shown]
    (tmp_path / "other").mkdir()
    assert written(tmp_path / "other", material_for(recipe, blank, outputs))[1] == text
    tables = [folder / "report-data" for folder in (tmp_path, tmp_path / "other")]
    assert len({(folder / "labels.csv").read_bytes() for folder in tables}) == 1


def test_where_nothing_is_judged_the_page_holds_agreement_alone(tmp_path: Path) -> None:
    recipe = recipe_for(LABELS)
    recipe = recipe.model_copy(update={"labels": recipe.labels.model_copy(update={"not_judged": tuple(LABELS)})})
    shown = films_for(60, 3)
    page, _ = written(tmp_path, material_for(recipe, shown, outputs_for(shown, recipe.artifacts())))
    assert "No label is judged, so that no temperature could be fitted." in words(page)
    assert "with the finding." not in words(page).partition("ROC")[2]


def test_films_held_or_exported_wrongly_have_a_row_a_kind(tmp_path: Path) -> None:
    page, *tables = write_report(tmp_path / "report.html", material())
    text = " ".join(Page(page.read_text()).text.split())
    section = text.partition("Films held or exported wrongly The output")[2].partition("Stress: the same films")[0]
    assert section.count("inverted60") == len(material().results.artifacts)
    assert "0.400 → 0.380; +0.020" in section
    assert "at most 1 % of val, 140 films" in section
    (table,) = (table for table in tables if table.name == "accidents.csv")
    rows = table.read_text().splitlines()
    assert len(rows) == 1 + 4 * len(material().results.artifacts)
    assert rows[0].startswith("artifact_name,kind,films,found_reference,found_artifact,found_loss")


def test_a_student_of_logits_alone_has_a_page_that_says_what_is_not_there(tmp_path: Path) -> None:
    whole = material()
    recipe = imported(whole.recipe, "none", novelty=None, quality=None)
    evidence = tuple(e.model_copy(update={"heatmaps": None, "strangers": ()}) for e in whole.results.evidence)
    logits = {name: {"logits": outputs["logits"]} for name, outputs in whole.outputs.items()}
    results = whole.results.model_copy(update={"evidence": evidence, "original": recipe.original})
    plain = replace(whole, recipe=recipe, outputs=logits, results=results)
    page, *tables = write_report(tmp_path / "report.html", plain)
    text = Page(page.read_text()).text
    assert text.count(NO_MAPS) == text.count(NO_NOVELTY) == text.count(NO_QUALITY) == 2
    assert "The answer to strange pictures" not in text
    assert {"heatmaps.csv", "strangers.csv"}.isdisjoint(table.name for table in tables)
    assert "original → reference" in text
    gradient = replace(whole, recipe=imported(recipe, "gradient"))
    page, *_ = write_report(tmp_path / "gradient.html", gradient)
    assert GRADIENT_MAPS in Page(page.read_text()).text


@pytest.mark.parametrize("low", [0.4, 0.6])
def test_the_page_says_whether_the_reference_is_better_than_chance(low: float, tmp_path: Path) -> None:
    whole = material(films=60)
    figure = Held(value=0.7, low=low, high=0.9, chance=0.5)
    found = Chance(films=60, patients=40, bootstrap=BOOTSTRAP, figure=figure, labels=())
    told = replace(whole, results=whole.results.model_copy(update={"chance": found}))
    said = words(written(tmp_path, told)[0])
    assert f"The reference itself, on the same films: {found.words}." in said
    assert ("✗ The reference itself" in said) == (low < 0.5)
    assert "but that it does better than chance" in said
