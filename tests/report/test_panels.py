from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from cxredge.report import overview, panels
from cxredge.report.charts import Svg
from cxredge.report.material import REFERENCE, ReportMaterial
from cxredge.results import Paired
from report.plausible import artifact_for, explanation_for, films_for, material_for, outputs_for, recipe_for

NAME = "tflite/w8a8"


def material(films: int = 120, artifacts: tuple[str, ...] = (NAME,)) -> ReportMaterial:
    recipe, shown = recipe_for(["Effusion", "Nodule"], artifacts), films_for(films, 2)
    return material_for(recipe, shown, outputs_for(shown, recipe.artifacts()))


def drawn(chart: Svg, css: str) -> list[ET.Element]:
    return [p for p in ET.fromstring(chart).iter("path") if p.attrib["class"] == css]


def test_every_flip_is_marked_by_its_film() -> None:
    whole = material()
    evidence = whole.evidence(NAME)
    assert evidence is not None
    assert evidence.flips
    for place, label in enumerate(whole.names):
        panel = panels.label_panel(whole, NAME, place)
        for css, up in (("up risen", True), ("down fallen", False)):
            expected = {f.film for f in evidence.flips if f.label == label and f.up == up}
            assert {p.findtext("title") for p in drawn(panel.scatter, css)} == expected
        assert (panel.up, panel.down) == (evidence.labels[place].flips_up, evidence.labels[place].flips_down)
        assert panel.evidence == evidence.labels[place]


def test_a_label_that_no_film_has_gets_no_roc() -> None:
    whole = material()
    for film in whole.films:
        film.targets[1] = 0
    assert panels.label_panel(whole, NAME, 0).roc is not None
    assert panels.label_panel(whole, NAME, 1).roc is None


def test_outputs_that_are_all_equal_are_drawn() -> None:
    whole = material()
    for arrays in whole.outputs.values():
        arrays["logits"][:] = 0.4
    panel = panels.label_panel(whole, NAME, 0)
    assert (panel.up, panel.down) == (0, 0)
    assert len(drawn(panel.scatter, "circle absent")) == 1
    ET.fromstring(panels.reliability_chart(whole, REFERENCE, 1.0, "reference"))


def test_layers_are_drawn_in_order_bad_ones_crossed_out_and_equal_ones_left_out() -> None:
    found = explanation_for(artifact_for(NAME))
    panel = panels.layer_panel(found)
    measured = [u for u in found.layers if u.sqnr_db is not None and not u.bad]
    marks = drawn(panel.sqnr, "circle artifact")
    assert [(m.findtext("title") or "").split(":")[0] for m in marks] == [u.module for u in measured]
    xs = [int(m.attrib["d"][1:].split()[0]) for m in marks]
    assert xs == sorted(xs)
    (bad,) = drawn(panel.sqnr, "cross bad")
    assert bad.findtext("title") == f"{found.layers[-1].module}: float16 overflow"
    assert panel.share is not None
    assert found.layers[9].module in (ET.fromstring(panel.share).findtext("desc") or "")


def test_layers_without_figures_still_make_a_chart() -> None:
    found = explanation_for(artifact_for(NAME))
    silent = [u.model_copy(update={"sqnr_db": None, "share": None, "bad": None}) for u in found.layers]
    for layers in ((), tuple(silent)):
        panel = panels.layer_panel(found.model_copy(update={"layers": layers}))
        assert panel.share is None
        assert drawn(panel.sqnr, "circle artifact") == []


def test_a_loss_is_shown_with_its_interval_or_says_why_not() -> None:
    loss = Paired(reference=0.9, artifact=0.88, loss=0.02, low=0.0, high=0.04)
    row = panels.loss_row("a", loss, 0.05)
    assert (row.marks[0][0], row.interval, row.bound, row.note) == (0.02, (0.0, 0.04), 0.05, "")
    few = loss.model_copy(update={"too_few": "5 positive patients, 10 are needed"})
    assert panels.loss_row("a", few).note == "too few: 5 positive patients, 10 are needed"
    assert panels.loss_row("a", few).marks == ()
    nothing = Paired(reference=None, artifact=None, loss=None, low=None, high=None)
    assert panels.loss_row("a", nothing).note == "not measured"


@pytest.mark.parametrize("bench", [True, False])
def test_costs_have_a_mark_for_every_artifact_that_was_measured(bench: bool) -> None:
    names = ("executorch/fp32", "tflite/fp16", "coreml/w8", NAME)
    recipe, shown = recipe_for(["A"], names), films_for(60, 1)
    whole = material_for(recipe, shown, outputs_for(shown, recipe.artifacts()), extras=bench)
    charts = overview.cost_charts(whole)
    assert len(charts) == (2 if bench else 1)
    marked = [{(t.text or "").split(":")[0] for t in list(ET.fromstring(chart).iter("title"))[1:]} for chart in charts]
    assert marked[0] == set(names)
    assert not bench or marked[1] == set(names) - {"coreml/w8"}


def test_flip_rates_stand_at_their_values() -> None:
    whole = material(artifacts=("tflite/fp32", NAME))
    marks = drawn(overview.flip_rates(whole), "circle artifact big")
    xs = [int(m.attrib["d"][1:].split()[0]) for m in marks]
    rates = [v.figures.flip_rate for v in whole.results.verdicts]
    assert np.argsort(xs).tolist() == np.argsort(rates).tolist()
    assert xs[0] < xs[1]
