"""``docs/errors.md`` lists every code that the source can raise, in its words; --update-goldens writes it anew."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import kotlin_refusals
import pytest

from cxredge.errors import counted

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "toolchain" / "cxredge"
PAGE = ROOT / "docs" / "errors.md"
CODE = re.compile(r"[A-Z]+(-[A-Z0-9]+)+")
HEAD = """\
# Error codes

Every refusal prints its code, the cause, the fix and, where there is a choice, the choices. Exit status 1 is a proof
that failed, 2 is misuse or bad input, 3 is the environment, 4 is a fault of cxredge itself: `INTERNAL` says what to
report. `…` stands for what is found at run time. This page is made from the source by
`pytest tests/test_errors_page.py --update-goldens`.

| code | exit | cause | fix |
|---|---|---|---|
"""

APP = """
## In the Android app and its packager only

The app refuses bundles and films with the codes above, in its own words. These it has besides, and `make apk` has
`APK-`, `TOOL-` and some of `RUNTIME-`:

| code | cause | fix |
|---|---|---|
"""


def words(node: ast.expr) -> str:
    """A literal or f-string as text, with … for its fields; … for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return re.sub("…+", "…", "".join(words(v) for v in node.values))
    if isinstance(node, ast.FormattedValue):
        match node.value:
            case ast.Call(func=ast.Name(id="counted"), args=[_, ast.Constant(value=str(noun))]):
                return f"… {counted(2, noun).removeprefix('2 ')}"
    if isinstance(node, ast.IfExp):
        both = words(node.body), words(node.orelse)
        return "…" if "…" in both else " / ".join(both)
    return "…"


def raised() -> dict[str, set[tuple[str, str, str]]]:
    found: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and CODE.fullmatch(first.value):
                kind = node.func.id if isinstance(node.func, ast.Name) else ""
                status = {"EnvironmentProblem": "3", "ProofFailed": "1", "InternalError": "4"}.get(kind, "2")
                cause, fix = ([*(words(a) for a in node.args[1:3]), "…", "…"])[:2]
                found[first.value].add((status, cause, fix))
    return found


def page() -> str:
    rows = [
        f"| `{code}` | {status} | {cause} | {fix} |".replace("\n", " ")
        for code, entries in sorted(raised().items())
        for status, cause, fix in sorted(entries)
    ]
    return HEAD + "\n".join(rows) + "\n" + APP + "\n".join(app_rows()) + "\n"


def app_rows() -> list[str]:
    shared = raised()
    return [
        f"| `{code}` | {cause} | {fix} |"
        for code, told in sorted(kotlin_refusals.raised().items())
        for cause, fix in sorted(told)
        if code not in shared
    ]


def test_every_code_is_on_the_page(request: pytest.FixtureRequest) -> None:
    fresh = page()
    if request.config.getoption("--update-goldens"):
        PAGE.write_text(fresh)
    assert PAGE.read_text() == fresh, "run: pytest tests/test_errors_page.py --update-goldens"


def test_a_code_has_one_exit_status() -> None:
    mixed = {code: {s for s, _, _ in entries} for code, entries in raised().items()}
    assert len(mixed) > 60
    assert {code: s for code, s in mixed.items() if len(s) > 1} == {}


def test_codes_of_the_app_are_read_from_its_sources() -> None:
    told = kotlin_refusals.raised()
    assert len(told) > 20
    assert ("… needs … bytes, and … are free", "free some space") in told["STORAGE-LOW"]
    assert {"SIGNATURE-WRONG", "SELFTEST-SCHEMA", "RUNTIME-NAN", "IMG-DAMAGED", "APK-MODEL"} <= set(told)
    assert "SHA-256" not in told
