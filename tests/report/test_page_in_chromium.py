"""The page in a real browser: no console message, everything visible, nothing wider than a phone's screen."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path

import pytest

from cxredge.report.page import write_report
from report.plausible import class_films_for, films_for, material_for, outputs_for, recipe_for

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
    "--virtual-time-budget=10000",
)  # fmt: skip
PROBE = """
const page = document.querySelector("iframe").contentDocument, view = page.defaultView;
const shown = () => [...page.querySelectorAll(".of")].filter((e) => e.offsetHeight).map((e) => e.className);
const seen = {
  wide: page.documentElement.scrollWidth - page.documentElement.clientWidth,
  sections: [...page.querySelectorAll("section")].filter((s) => s.offsetHeight > 80).map((s) => s.id),
  charts: [...page.querySelectorAll("section svg[role=img]")].filter((s) => s.getBoundingClientRect().width).length,
  first: shown(),
};
page.querySelector("#pick-all").click();
seen.all = shown().length;
page.querySelector('#artifact-2').click();
seen.second = shown();
view.location.hash = "#artifact-1";
setTimeout(() => {
  seen.linked = shown();
  seen.dark = view.getComputedStyle(page.body).backgroundColor;
  const out = document.createElement("pre");
  out.id = "seen";
  out.textContent = JSON.stringify(seen);
  document.body.append(out);
}, 500);
"""


@pytest.fixture(scope="module")
def chromium() -> str:
    """A Chromium. Absent: a named skip, and a failure in CI."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        reason = "none of these browsers is installed: " + ", ".join(BROWSERS)
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = recipe_for(["Cardiomegaly", "Pleural_Thickening_and_more_of_a_long_na", "Nodule"])
    films = films_for(90, 3, "images/a_rather_long_folder/name_without_spaces_{:05d}.png")
    goal = tmp_path_factory.mktemp("page") / "report.html"
    write_report(goal, material_for(recipe, films, outputs_for(films, recipe.artifacts())))
    return goal


def run(chromium: str, file: Path, tmp_path: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [chromium, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *more, file.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=240)


def messages(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def probed(chromium: str, page: Path, tmp_path: Path, width: int, *more: str) -> dict[str, object]:
    """What PROBE sees of the page in a frame of this width: a window cannot be as narrow as a phone."""
    frame = tmp_path / "frame.html"
    document = escape(page.read_text("utf-8"))
    frame.write_text(
        f'<meta charset="utf-8"><iframe style="width:{width}px;height:800px;border:0" srcdoc="{document}"></iframe>'
        f'<script>addEventListener("load", () => {{{PROBE}}})</script>',
        "utf-8",
    )
    done = run(chromium, frame, tmp_path, "--dump-dom", *more)
    assert messages(done) == []
    found = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.S)
    assert found is not None
    seen: dict[str, object] = json.loads(unescape(found[1]))
    return seen


def test_the_console_stays_empty(chromium: str, page: Path, tmp_path: Path) -> None:
    done = run(chromium, page, tmp_path, "--dump-dom")
    assert "Parity report" in done.stdout
    assert messages(done) == []


def test_console_messages_would_be_seen(chromium: str, page: Path, tmp_path: Path) -> None:
    """The page's own policy blocks a script that is not its own, and the browser says so."""
    broken = tmp_path / "broken.html"
    broken.write_text(page.read_text("utf-8").replace("</body>", "<script>alert(1)</script></body>"), "utf-8")
    assert any("Content Security Policy" in line for line in messages(run(chromium, broken, tmp_path, "--dump-dom")))


@pytest.mark.parametrize("width", [400, 1200])
def test_all_is_visible_and_nothing_overflows(chromium: str, page: Path, tmp_path: Path, width: int) -> None:
    seen = probed(chromium, page, tmp_path, width)
    assert seen["wide"] == 0
    assert len(seen["sections"]) == 13  # type: ignore[arg-type]
    # the recipe's primary is its second artifact; eleven of the thirteen sections show one artifact at a time
    sections = page.read_text("utf-8").count('class="of of-0"')
    assert seen["first"] == ["of of-1"] * sections
    assert seen["all"] == 11 * sections
    assert seen["second"] == ["of of-2"] * sections
    assert seen["linked"] == ["of of-1"] * sections
    assert int(str(seen["charts"])) > 10


@pytest.mark.parametrize("classes", [3, 20])
def test_a_page_of_classes_fits_a_phone(chromium: str, tmp_path: Path, classes: int) -> None:
    recipe = recipe_for([f"Pleural_Thickening_and_more_{i}" for i in range(classes)], kind="single-label")
    films = class_films_for(60, classes, "images/a_rather_long_folder/name_without_spaces_{:05d}.png")
    goal = tmp_path / "report.html"
    write_report(goal, material_for(recipe, films, outputs_for(films, recipe.artifacts(), spread=2.2)))
    seen = probed(chromium, goal, tmp_path, 400)
    assert seen["wide"] == 0
    assert "classes" in seen["sections"]  # type: ignore[operator]
    assert len(seen["sections"]) == 14  # type: ignore[arg-type]


def test_it_follows_the_dark_scheme(chromium: str, page: Path, tmp_path: Path) -> None:
    light = probed(chromium, page, tmp_path, 800)["dark"]
    dark = probed(chromium, page, tmp_path, 800, "--blink-settings=preferredColorScheme=0")["dark"]
    assert (light, dark) == ("rgb(255, 255, 255)", "rgb(17, 20, 23)")


def test_it_prints(chromium: str, page: Path, tmp_path: Path) -> None:
    goal = tmp_path / "report.pdf"
    run(chromium, page, tmp_path, f"--print-to-pdf={goal}", "--no-pdf-header-footer")
    data = goal.read_bytes()
    assert data.startswith(b"%PDF-")
    pages = len(re.findall(rb"/Type\s*/Page\b", data))
    assert 8 < pages < 40
