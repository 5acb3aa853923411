"""What the Android app and its packager refuse, read from their text: every ``Refusal`` and ``Problem``."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

SOURCES = Path(__file__).parent.parent / "android-app"
# letters only: "SHA-256" and "UTF-8" are names of other things
CODE = re.compile(r'"([A-Z]+(?:-[A-Z]+)+)"')
REFUSAL = re.compile(r"\b(?:Refusal|Problem)\((?=\s*" + CODE.pattern + ")")
# what a kind of document is called, the codes of its two refusals, and the fix
DOCUMENT = re.compile(r"\bJsonSource\((?=\s*\")")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
CONSTANT = re.compile(r'const val ([A-Z]+)(?:: String)? = ("[^"\\]*")')


def raised() -> dict[str, set[tuple[str, str]]]:
    """Causes and fixes by code; … stands for what is found at run time."""
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for path in sorted(SOURCES.glob("*/src/main/kotlin/**/*.kt")):
        text = COMMENT.sub("", path.read_text("utf-8"))
        for name, value in CONSTANT.findall(text):
            text = re.sub(rf"(?<![$.\w]){name}(?!\w)", value, text)
        for call in REFUSAL.finditer(text):
            code, cause, fix = (*arguments(text, call.end()), "…", "…")[:3]
            found[code].add((cause, fix))
        for call in DOCUMENT.finditer(text):
            name, syntax, schema, fix = arguments(text, call.end())[:4]
            found[syntax].add((f"{name} is not valid JSON: …", fix))
            found[schema].add((f"{name}: …", fix))
        for code in CODE.findall(text):
            found[code].update(() if code in found else {("…", "…")})  # handed to a function of the file's own
    return found


def arguments(text: str, start: int) -> tuple[str, ...]:
    """The arguments of the call whose bracket ends at ``start``: literals and their sums in words, … for the rest."""
    at, told, depth = start, [""], 0
    while at < len(text):
        char = text[at]
        if char == '"':
            part, at = literal(text, at)
            told[-1] += part if depth == 0 else ""
            continue
        depth += (char in "([{") - (char in ")]}")
        if depth < 0:
            break
        if char == "," and depth == 0:
            told.append("")
        elif not (char.isspace() or char == "+"):
            told[-1] += "…"
        at += 1
    return tuple(re.sub("…+", "…", words) for words in told if words)


def literal(text: str, at: int) -> tuple[str, int]:
    """The string that starts at ``at``, with … for its templates, and the place behind it."""
    at, told = at + 1, ""
    while text[at] != '"':
        if text.startswith("${", at):
            depth = 0
            while True:
                if text[at] == '"':
                    _, at = literal(text, at)
                    continue
                depth += (text[at] == "{") - (text[at] == "}")
                at += 1
                if text[at - 1] == "}" and depth == 0:
                    break
            told += "…"
        elif name := re.compile(r"\$[A-Za-z]\w*").match(text, at):
            told, at = told + "…", name.end()
        else:
            step = 2 if text[at] == "\\" else 1
            told, at = told + text[at + step - 1], at + step
    return told, at + 1
