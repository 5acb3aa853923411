"""Reading ``model.yaml``: every mistake is answered with its place in the file and the nearest valid choices."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from cxredge import strict_yaml
from cxredge.errors import InputError, alike, counted, nearest, some_of
from cxredge.files import read_bytes
from cxredge.path_errors import shown
from cxredge.recipe import Recipe, recipe_path
from cxredge.recipe_lines import Way, lines_for
from cxredge.recipe_words import single, words_of
from cxredge.vocabulary import SchemeName, TargetName

ZOO = Path("model_zoo")
"""Where recipes lie, seen from the folder that commands run in."""
SHOWN = 200
"""Characters of a key or value that a message shows."""
MOST = 12
"""Mistakes that a message shows."""
LACKING = ("missing", "union_tag_not_found")
"""Kinds of mistakes: a key is missing."""
TAGGED = (("data",), ("student",), ("calibration", "ranges"))
"""Places of discriminated unions."""


def load_recipe(place: Path) -> Recipe:
    """The recipe in a folder (its ``model.yaml``) or in a file.

    Raises InputError RECIPE-MISSING, RECIPE-SYNTAX, RECIPE-KEY (unknown key), RECIPE-LACKS (required key missing)
    or RECIPE-VALUE, each with file, line and column; what ``files.read_bytes`` raises of a file that cannot be read.
    """
    path = recipe_path(place)
    if not os.path.lexists(path):
        known = sorted(p.parent.name for p in ZOO.glob("*/model.yaml"))
        choices = [str(ZOO / name) for name in nearest(place.name, known)]
        raise InputError(
            "RECIPE-MISSING", f"there is no recipe at {shown(path)}", "name a folder that holds model.yaml", choices
        )
    return parse_recipe(read_bytes(path, strict_yaml.MAX_BYTES), shown(path))


def parse_recipe(data: bytes, name: str) -> Recipe:
    """``load_recipe`` on bytes; ``name`` is what messages call the file."""
    try:
        tree = strict_yaml.parse(data)
    except strict_yaml.YamlError as error:
        place = ":".join([name, *map(str, error.place or ())])
        raise InputError("RECIPE-SYNTAX", f"{place}: not the YAML of a recipe: {error}", "mend it there") from error
    if not isinstance(tree, dict):
        raise InputError(
            "RECIPE-SYNTAX", f"{name} is not a mapping of keys to values", "start from a recipe in model_zoo/"
        )
    try:
        return Recipe.model_validate(_plain(tree))
    except ValidationError as error:
        raise _said(single(error.errors()), tree, name) from error


def rewritten(text: str, change: Callable[[Any], None]) -> str:
    """A recipe's text after ``change`` of its tree; comments, quotes and line breaks of the rest stay.

    The recipe was loaded before, so that its keys are there.
    """
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt", plug_ins=[])
    yaml.preserve_quotes = True
    yaml.width = 4096  # never fold a line that its writer did not fold
    yaml.indent(mapping=2, sequence=4, offset=2)
    tree = yaml.load(text)
    change(tree)
    stream = io.StringIO()
    yaml.dump(tree, stream)
    return stream.getvalue()


def _plain(node: Any) -> Any:
    """ruamel's round-trip nodes as plain Python values."""
    if isinstance(node, dict):
        return {str(k): _plain(v) for k, v in node.items()}
    if isinstance(node, list):
        return [_plain(v) for v in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _said(details: Sequence[ErrorDetails], tree: Any, name: str) -> InputError:
    """What to say of the mistakes: all that is missing at once, else all that is wrong."""
    lacking = _lacking(details, tree, name)
    if lacking is not None:
        return lacking
    wrong = [d for d in details if d["type"] not in LACKING] or details
    errors = [_explain(detail, tree, name) for detail in wrong[:MOST]]
    first = errors[0]
    if len(wrong) == 1:
        return first
    causes = [f"{e.cause} (choices: {some_of(e.choices, most=5)})" if e.choices else e.cause for e in errors]
    rest = len(wrong) - len(errors)
    if rest:
        causes.append(f"and {counted(rest, 'mistake')} more")
    return InputError(first.code, "\n".join(causes), "; ".join(dict.fromkeys(e.fix for e in errors)))


def _lacking(details: Sequence[ErrorDetails], tree: Any, name: str) -> InputError | None:
    """All keys that are missing, with the lines to paste; None where there is none but what is misspelt."""
    lacking = {_missing(detail): detail for detail in details if detail["type"] in LACKING}
    unknown = [(*_steps(detail)[0],) for detail in details if detail["type"] == "extra_forbidden"]
    slips = {
        way: other
        for other in unknown
        for way in lacking
        if way[:-1] == other[:-1] and alike(str(other[-1]), [str(way[-1])])
    }
    missing = [way for way in lacking if way not in slips]
    if not missing:
        return None
    dotted = ", ".join(_dotted(way) for way in missing)
    spelt = "".join(f"; {_dotted(other)} is to be spelt {way[-1]}" for way, other in slips.items())
    rest = len(details) - len(lacking) - len(slips)
    more = f" ({counted(rest, 'mistake')} more after that)" if rest else ""
    return InputError(
        "RECIPE-LACKS",
        f"{name}:{_line(tree, [*missing[0]])}: {dotted} {'is' if len(missing) == 1 else 'are'} missing{spelt}{more}",
        "add what stands below, with words of yours in place of EDIT",
        _choices(lacking[missing[0]], [*missing[0]]) if len(missing) == 1 else (),
        lines_for(missing, _artifacts(tree)),
    )


def _missing(detail: ErrorDetails) -> Way:
    """The way to a key that is missing."""
    steps, _ = _steps(detail)
    return (*steps, _tag(detail)) if detail["type"] == "union_tag_not_found" else (*steps,)


def _dotted(way: Sequence[int | str]) -> str:
    return ".".join(map(str, way))[:SHOWN]


def _artifacts(tree: Any) -> list[str]:
    """Names of what the file's targets build, as far as they are well formed."""
    targets = tree.get("targets")
    if not isinstance(targets, dict):
        return []
    known, schemes = get_args(TargetName), get_args(SchemeName)
    return [
        f"{target}/{scheme}"
        for target, listed in targets.items()
        if target in known and isinstance(listed, list)
        for scheme in listed
        if scheme in schemes
    ]


def _steps(detail: ErrorDetails) -> tuple[list[int | str], list[int | str]]:
    """The way to a mistake, and the tags on it.

    A discriminated union puts its tag (folder, phantom) into the path: the file has no such key.
    """
    steps = [s for s in detail["loc"] if s != "[key]"]
    tags = [s for i, s in enumerate(steps) if tuple(steps[:i]) in TAGGED]
    return [s for i, s in enumerate(steps) if tuple(steps[:i]) not in TAGGED], tags


def _explain(detail: ErrorDetails, tree: Any, name: str) -> InputError:
    steps, tags = _steps(detail)
    message = words_of(detail)
    steps = steps or _named(message, tree)
    dotted = ".".join(map(str, steps))[:SHOWN] or "the recipe"
    place = f"{name}:{_line(tree, steps)}"
    kind = detail["type"]
    if kind == "extra_forbidden":
        known = _keys_at(steps[:-1], tags)
        return InputError(
            "RECIPE-KEY",
            f"{place}: unknown key {dotted}",
            "remove it, or spell it as one of these",
            nearest(str(steps[-1]), known),
        )
    value = "" if isinstance(detail["input"], dict | list) else f" (found {ascii(detail['input'])[:SHOWN]})"
    fix = str(detail.get("ctx", {}).get("fix", "change the value there"))
    return InputError("RECIPE-VALUE", f"{place}: {dotted}: {message}{value}", fix, _choices(detail, steps))


def _named(message: str, tree: Any) -> list[int | str]:
    """The way to the key that a message about the whole recipe begins with, as far as the file has it."""
    way: list[int | str] = []
    for key in message.split(" ", 1)[0].split("."):
        if not hasattr(tree, "keys") or key not in tree:
            break
        way.append(key)
        tree = tree[key]
    return way


def _tag(detail: ErrorDetails) -> str:
    """The key that tells a discriminated union's members apart."""
    return str(detail["ctx"]["discriminator"]).strip("'")


def _choices(detail: ErrorDetails, steps: list[Any]) -> list[str]:
    """The values that the schema allows there, nearest first; empty where they are not a list."""
    context = detail.get("ctx", {})
    expected = context.get("expected") or context.get("expected_tags")
    if detail["type"] == "union_tag_not_found":
        members = _model_at(steps[:-1])
        return [tag for member in members for tag in get_args(member.model_fields[steps[-1]].annotation)]
    if not expected or detail["type"] not in ("literal_error", "union_tag_invalid"):
        return []
    # only a discriminated union tells a mapping's members apart by a key; a literal may find a mapping, too
    found = detail["input"].get(_tag(detail)) if detail["type"] == "union_tag_invalid" else detail["input"]
    return nearest(str(found), [w.strip().strip("'") for w in str(expected).replace(" or ", ", ").split(",")])


def _line(tree: Any, steps: list[Any]) -> str:
    """``line:column`` of the deepest key on the way that the file has."""
    where = "1:1"
    node: Any = tree
    for step in steps:
        try:
            if hasattr(node, "keys"):
                line, column = node.lc.key(step)
            else:
                line, column = node.lc.item(step)
            where, node = f"{line + 1}:{column + 1}", node[step]
        except (KeyError, IndexError, TypeError, AttributeError):
            break
    return where


def _keys_at(steps: list[Any], tags: list[Any]) -> list[str]:
    """The keys that the schema allows at a place; ``tags``: those of the unions on the way there."""
    model = _model_at(steps)
    if isinstance(model, tuple):
        said = [m for m in model if any(tag in get_args(f.annotation) for f in m.model_fields.values() for tag in tags)]
        return sorted({k for m in said or model for k in m.model_fields})
    if isinstance(model, type) and issubclass(model, BaseModel):
        return list(model.model_fields)
    return [*get_args(TargetName), *get_args(SchemeName)]


def _model_at(steps: list[Any]) -> Any:
    """The model class, or the classes of a union, at the end of a path or at its last part that has one."""
    model: Any = Recipe
    for step in steps:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            break
        if step not in model.model_fields:
            break
        model = _model_of(model.model_fields[step].annotation)
    return model


def _model_of(annotation: Any) -> Any:
    """The model class (or the classes of a union, or of a mapping's values) inside an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    models = [m for m in map(_model_of, get_args(annotation)) if m is not None]
    flat = [x for m in models for x in (m if isinstance(m, tuple) else (m,))]
    if not flat:
        return None
    return flat[0] if len(flat) == 1 else tuple(flat)
