"""``python -m cli.hostile_arguments FOLDER [EVERY [COMMAND...]]``: hostile arguments in every place of every command.

FOLDER is empty. Of the values for each argument and option, every EVERYth is tried, at another offset for each. Each
command runs in this process, which permissions bind, with strict UTF-8 for its output. Prints a JSON report: how many
ran by command and status, whether permissions bound, and what no command may do.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import os
import resource
import shutil
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from cxredge.cli.main import run
from cxredge.recipe_file import load_recipe
from report.plausible import films_for, material_for, outputs_for
from support.bundles import V2
from support.command import ROOT
from support.commands import every_command
from support.hostile import make
from support.shards import write_shard
from support.unprivileged import bound

SECONDS = 600
"""What one command may take, and then some; a hundredth is usual."""
MORE_MEMORY = 8 << 30
"""Address space that all of it may take; a runtime's threads reserve a good part."""
LONGEST = 210_000
"""Characters of a line: an argument of 100,000 is said again, by name and in its refusal."""
ASKED_FOR_LESS = {("phantom", "patients"): "3"}
"""So that what is written in earnest is written soon."""
WORDS = (
    "",
    " ",
    "\x1b[2J",
    "\u202ex",
    "\udcff",
    "-1",
    "NaN",
    "1e400",
    "9" * 5_000,
    "x" * 100_000,
    "*/*",
    "tflite/w8a8,",
)


def fillers(folder: Path) -> dict[str, str]:
    """What the other arguments of a command are, by name: good, and refused only after all were looked at."""
    recipe = folder / "recipe"
    recipe.mkdir()
    # without its weights: whatever would build or train ends there
    shutil.copy(ROOT / "model_zoo" / "phantom" / "model.yaml", recipe)
    zoo = load_recipe(recipe)
    films = films_for(40, len(zoo.labels.names))
    material = material_for(zoo, films, outputs_for(films, zoo.artifacts()), extras=False)
    (folder / "results.json").write_text(material.results.model_dump_json())
    shutil.copy(V2 / "signer.pub", folder)
    shutil.copytree(V2 / "bundle", folder / "bundle")
    (folder / "set").mkdir()
    (folder / "set" / "labels.csv").write_text("file,group,split,Nodule,kind\na.png,1,train,0,x\nb.png,2,test,1,y\n")
    return {
        "recipe": str(recipe),
        "bundle": str(folder / "bundle"),
        "bundles": str(folder / "bundle"),
        "films": str(folder / "bundle" / "selftest" / "phantom-0.png"),
        "publics": str(folder / "signer.pub"),
        "key": str(folder / "signer.pub"),
        "results": str(folder / "results.json"),
        "logs": str(folder / "bundle" / "manifest.json"),
        "model": str(folder / "bundle" / "artifacts" / "tflite" / "w8a8.tflite"),
        "folder": str(folder / "set"),
        "shards": str(write_shard(folder / "shard", 1, 1)),
        "out": str(folder / "out"),
        "data": "films",
        "name": "mine",
    }


def calls(command: click.Command, values: dict[str, str], good: dict[str, str]) -> Iterator[tuple[str, str, list[str]]]:
    """What is tried with a command: the argument's name, what is wrong with it, and all arguments."""
    takers = [p for p in command.params if not (isinstance(p, click.Option) and p.is_flag)]
    words = {f"word {word[:9]!a}": word for word in WORDS}
    for tried in takers:
        of_paths = isinstance(tried.type, click.Path)
        for what, value in (values | words if of_paths else words).items():
            arguments: list[str] = []
            for param in takers:
                given = value if param is tried else good.get(param.name or "") if param.required else None
                given = ASKED_FOR_LESS.get((command.name or "", param.name or "")) if given is None else given
                if given is not None:
                    arguments += [param.opts[-1], given] if isinstance(param, click.Option) else [given]
            # what begins with a dash is an option's name, as a person would find
            yield tried.name or "", what, arguments


def once(arguments: list[str]) -> tuple[int, str]:
    """Exit status and all that was printed."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        status = run(arguments)
    out.flush()
    return status, out.buffer.getvalue().decode()


def wrong(status: int, text: str) -> str | None:
    """What no command may do, whatever it is given."""
    if status not in (0, 1, 2, 3):
        return f"status {status}"
    for word in ("Traceback", "[INTERNAL]"):
        if word in text:
            return word
    if status > 1 and "error [" not in text and "Error:" not in text and '"error"' not in text:
        return "no reason"
    if any(line.startswith("error [FORGED]") for line in text.splitlines()):
        return "a forged line"
    if not all(c.isprintable() or c == "\n" for c in text):
        return "characters that a terminal obeys"
    longest = max(map(len, text.splitlines()), default=0)
    return f"a line of {longest} characters" if longest > LONGEST else None


def main() -> None:
    limit = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + MORE_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    folder, every = Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    ran: dict[str, Counter[int]] = {}
    failures = []
    binding = False
    commands = every_command()
    for number, name in enumerate(sys.argv[3:] or commands):
        place = folder / name
        place.mkdir()
        good = fillers(place)
        values = make(place)
        binding = bound(values["closed file"])
        os.chdir(place)
        command = commands[name]
        ran[name] = Counter({0: 0})
        for case, (param, what, arguments) in enumerate(calls(command, values, good)):
            if (case + number) % every:
                continue
            faulthandler.dump_traceback_later(SECONDS, exit=True)
            print(name, param, what, file=sys.stderr, flush=True)
            status, text = once([*name.split(), *arguments])
            ran[name][status] += 1
            if (fault := wrong(status, text)) is not None:
                failures.append(f"{name} {param}, {what}: {fault}: {text[-600:]!a}")
    faulthandler.cancel_dump_traceback_later()
    print(json.dumps({"bound": binding, "ran": ran, "failures": failures}))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    faulthandler.enable()
    main()
