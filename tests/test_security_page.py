"""docs/security.md states the bounds that the code has, and the Android core has the same."""

from __future__ import annotations

import importlib
import re

import pytest

from support.command import ROOT

ROW = re.compile(r"\| (.+) \| ([0-9,]+)(?: bytes)? \| `([a-z_0-9.]+)\.([A-Z_0-9]+)` \|")
PAGE = (ROOT / "docs" / "security.md").read_text()
ROWS = ROW.findall(PAGE)
CORE = ROOT / "android-app/core/src/main/kotlin/org/cxredge/core/film"
TWINS = (
    "images.refuse.MAX_PIXELS",
    "images.refuse.MAX_SCANS",
    "images.refuse.MAX_SCANNED_PIXELS",
    "images.codestream.MAX_SEGMENTS",
    "images.jpeg_structure.MAX_INTERVALS",
    "images.png.MAX_CHUNKS",
    "images.dicom_elements.MAX_ELEMENTS",
    "images.dicom_elements.MAX_DEPTH",
    "images.dicom_elements.MAX_HEADER_BYTES",
    "images.dicom_elements.MAX_VALUE",
    "images.dicom_elements.MAX_BEHIND",
    "images.levels.MIN_SPAN",
)
"""Bounds that the Android core has under the same name."""


def value(module: str, name: str) -> int:
    found: int = getattr(importlib.import_module(f"cxredge.{module}"), name)
    return found


@pytest.mark.parametrize(("what", "bound", "module", "name"), ROWS, ids=lambda cell: cell[:40])
def test_every_bound_is_the_code_s(what: str, bound: str, module: str, name: str) -> None:
    assert f"{value(module, name):,}" == bound, what


def test_no_row_is_passed_over() -> None:
    table = PAGE[PAGE.index("| what |") : PAGE.index("Numbers that a program")]
    assert len(ROWS) == table.count("\n|") - 1 > 35


@pytest.mark.parametrize("twin", TWINS)
def test_the_android_core_has_the_same(twin: str) -> None:
    module, name = twin.rsplit(".", 1)
    sources = "\n".join(file.read_text() for file in CORE.rglob("*.kt"))
    (text,) = re.findall(rf"\bconst val {name}(?:: \w+)? = ([0-9L_*+ shl]+?)(?:\n|//)", sources)
    assert kotlin(text.strip()) == value(module, name)


def kotlin(text: str) -> int:
    """A constant expression of factors or one shift."""
    text = text.replace("_", "").replace("L", "")
    if " shl " in text:
        number, by = map(int, text.split(" shl "))
        return number << by
    product = 1
    for factor in text.split("*"):
        product *= int(factor)
    return product


def test_security_md_links_the_page() -> None:
    assert "(docs/security.md)" in (ROOT / "SECURITY.md").read_text()
