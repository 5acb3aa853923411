"""Tab completion: click's scripts ask this program, which answers without importing what commands need."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from support.command import run


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(shell: str) -> None:
    done = run(_CXREDGE_COMPLETE=f"{shell}_source")
    assert done.status == 0, done.err
    assert f"_CXREDGE_COMPLETE={shell}_complete" in done.out


@pytest.mark.parametrize(
    ("words", "at", "wanted"),
    [
        ("cxredge ver", 1, {"verify", "verify-signature"}),
        ("cxredge plan --s", 2, {"--schemes"}),
        ("cxredge import x --fit ", 4, {"squash", "pad", "crop"}),
    ],
)
def test_what_was_begun_is_completed(words: str, at: int, wanted: set[str]) -> None:
    done = run(COMP_WORDS=words, COMP_CWORD=at, _CXREDGE_COMPLETE="bash_complete")
    assert (done.status, {line.partition(",")[2] for line in done.out.split()}) == (0, wanted)


def test_it_imports_nothing_heavy() -> None:
    program = "import sys; from cxredge.cli.main import main\ntry: main()\nfinally: pass"
    asked = {"COMP_WORDS": "cxredge ", "COMP_CWORD": "1", "_CXREDGE_COMPLETE": "bash_complete"}
    done = subprocess.run(
        [sys.executable, "-P", "-X", "importtime", "-c", program],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "plain,doctor" in done.stdout
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "click" in imported
    assert not imported & {"numpy", "pydantic", "torch", "jinja2", "ruamel"}


def test_another_question_is_misuse() -> None:
    assert run(_CXREDGE_COMPLETE="nonsense").status == 2
