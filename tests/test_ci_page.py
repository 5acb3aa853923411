"""The sample workflows: they are YAML, and every command of ours in them is one, with the options that it has."""

from __future__ import annotations

import re
import shlex

import click
import pytest
from ruamel.yaml import YAML

from cxredge.cli.main import COMMANDS, cli
from support.command import ROOT
from support.pages import blocks, page

PAGE = page("ci.md")
WORKFLOWS = [YAML(typ="safe").load(text) for text in blocks(PAGE, "yaml")]


def lines() -> list[str]:
    """Every line that a service would run, and those of the page's own list."""
    github, gitlab = WORKFLOWS
    steps = [step["run"] for step in github["jobs"]["build"]["steps"] if "run" in step]
    typed = [line.split("#")[0].strip() for block in blocks(PAGE, "sh") for line in block.splitlines()]
    return [*steps, *gitlab["student"]["script"], *typed]


OURS = sorted({line for line in lines() if line.startswith("cxredge ")})


def test_both_services_build_and_verify() -> None:
    assert len(WORKFLOWS) == 2
    for verb in ("build", "verify"):
        assert sum(line.startswith(f"cxredge {verb} ") for line in OURS) >= 1


@pytest.mark.parametrize("line", OURS)
def test_a_line_is_a_command_with_options_that_it_has(line: str) -> None:
    verb, *words = shlex.split(line.split(" > ")[0])[1:]
    assert verb in COMMANDS
    with click.Context(cli) as context:
        command = cli.get_command(context, verb)
        assert command is not None
        options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= options


def test_the_wheel_of_the_page_is_the_projects() -> None:
    version = re.search(r'^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text(), re.M)
    assert version is not None
    wheels = set(re.findall(r"cxredge-[\w.]+-py3-none-any\.whl", PAGE + (ROOT / "README.md").read_text()))
    assert wheels == {f"cxredge-{version[1]}-py3-none-any.whl"}


def test_the_container_copies_what_setting_up_reads() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    (copied,) = re.findall(r"^COPY (.+) \./$", dockerfile, re.M)
    wanted = {name.removeprefix("!") for name in (ROOT / ".dockerignore").read_text().split() if name.startswith("!")}
    assert {*copied.split(), "toolchain"} == wanted
    assert all((ROOT / name).exists() for name in wanted)
