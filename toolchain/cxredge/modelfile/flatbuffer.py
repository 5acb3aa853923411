"""Read flatbuffers by their schema's text, in Python alone: every offset is checked, and work is bounded by size."""

from __future__ import annotations

import re
import struct
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SCALARS = {
    "bool": "?", "byte": "b", "ubyte": "B", "int8": "b", "uint8": "B", "short": "h", "ushort": "H", "int16": "h",
    "uint16": "H", "int": "i", "uint": "I", "int32": "i", "uint32": "I", "long": "q", "ulong": "Q", "int64": "q",
    "uint64": "Q", "float": "f", "double": "d", "float32": "f", "float64": "d",
}  # fmt: skip
SHARING = 4
"""How many times over a file may be read: some writers let tables share strings, none shares more."""


class Schema:
    """Tables, unions and enums of ``.fbs`` text; of structs and nested schemas it knows nothing."""

    def __init__(self, text: str) -> None:
        text = re.sub(r"//[^\n]*", "", text)
        self.identifier = "".join(re.findall(r'file_identifier\s+"(.{4})"', text)[-1:]).encode()
        self.tables: dict[str, list[tuple[str, str, str]]] = {}
        self.unions: dict[str, dict[int, tuple[str, str]]] = {}
        self.enums: dict[str, tuple[str, dict[int, str]]] = {}
        for keyword, name, base, body in re.findall(r"\b(table|union|enum)\s+(\w+)[\s:]*(\w*)\s*{(.*?)}", text, re.S):
            if keyword == "table":
                # a deprecated field keeps its slot
                fields = re.findall(r"(\w+)\s*:\s*(\[?\w+\]?)(?:\s*=\s*([\w.-]+))?[^;]*;", body)
                self.tables[name] = fields
            elif keyword == "union":
                members = re.findall(r"(\w+)(?:\s*:\s*(\w+))?", body)
                self.unions[name] = {i: (m, t or m) for i, (m, t) in enumerate(members, 1)}
            else:
                values: dict[int, str] = {}
                for member, number in re.findall(r"(\w+)(?:\s*=\s*(-?\d+))?", body):
                    values[int(number) if number else max(values, default=-1) + 1] = member
                self.enums[name] = (SCALARS[base], values)

    def read(self, data: bytes, root: str) -> dict[str, Any]:
        """The flatbuffer in ``data`` as dicts, whose first table is a ``root``.

        A union ``u`` gives ``u_type`` (its member's name, None for none) and ``u``; an enum gives its name, a vector of
        bytes a memoryview and any other a list. What is absent is None, or empty for vectors and strings.
        Raises ValueError: an offset leaves the data, a number names nothing, or more is read than an honest file holds.
        """
        reader = _Reader(self, data)
        return reader.table(root, reader.number("I", 0))


@cache
def packaged_schema(package: str, *files: str) -> Schema:
    """The schema that a package brings in ``files``, found without importing it. Raises ModuleNotFoundError."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"no package {package}", name=package)
    # ExecuTorch is a namespace: whatever folder on the path is called like it counts among its places
    places = [Path(place) for place in spec.submodule_search_locations]
    folder = next((place for place in places if (place / files[0]).is_file()), places[0])
    return Schema("".join((folder / file).read_text() for file in files))


class _Reader:
    def __init__(self, schema: Schema, data: bytes) -> None:
        self.schema = schema
        self.data = memoryview(data)
        self.left = SHARING * len(data)

    def take(self, at: int, size: int) -> memoryview:
        if at < 0 or at + size > len(self.data):
            raise ValueError(f"an offset leads to byte {at} of {len(self.data)}")
        self.left -= size
        if self.left < 0:
            raise ValueError("its parts overlap")
        return self.data[at : at + size]

    def number(self, code: str, at: int) -> Any:
        (value,) = struct.unpack("<" + code, self.take(at, struct.calcsize("<" + code)))
        return value

    def behind(self, at: int) -> int:
        """Where the offset that stands at ``at`` leads to."""
        return at + int(self.number("I", at))

    def table(self, name: str, at: int) -> dict[str, Any]:
        vtable = at - int(self.number("i", at))
        size = int(self.number("H", vtable))
        if size < 4:
            raise ValueError(f"a table of {size} bytes")
        slots = struct.unpack(f"<{size // 2 - 2}H", self.take(vtable + 4, size // 2 * 2 - 4))
        # 0 stands for a field that is absent
        places = iter([at + slot if slot else 0 for slot in slots])
        record: dict[str, Any] = {}
        for field, kind, default in self.schema.tables[name]:
            place = next(places, 0)
            if kind not in self.schema.unions:
                record[field] = self.value(kind, default, place)
                continue
            number = self.number("B", place) if place else 0
            member, table = named(self.schema.unions[kind], number) if number else (None, None)
            # the member's own table follows in a slot of its own
            place = next(places, 0)
            record[f"{field}_type"] = member
            record[field] = self.table(table, self.behind(place)) if table and place else None
        return record

    def value(self, kind: str, default: str, place: int) -> Any:
        if kind in SCALARS:
            return self.number(SCALARS[kind], place) if place else int(default or 0)
        if kind in self.schema.enums:
            code, names = self.schema.enums[kind]
            return named(names, self.number(code, place)) if place else default or names[0]
        if kind == "string":
            return bytes(self.vector("B", place)).decode("utf-8", "replace") if place else ""
        if kind.startswith("["):
            return self.items(kind[1:-1], place) if place else []
        return self.table(kind, self.behind(place)) if place else None

    def items(self, kind: str, place: int) -> Any:
        if kind in ("ubyte", "uint8"):
            return self.vector("B", place)
        if kind in SCALARS:
            items = self.vector(SCALARS[kind], place)
            return [value for (value,) in struct.iter_unpack("<" + SCALARS[kind], items)]
        first = self.behind(place) + 4
        return [self.table(kind, self.behind(first + 4 * i)) for i in range(len(self.vector("I", place)) // 4)]

    def vector(self, code: str, place: int) -> memoryview:
        """The bytes of the vector that the offset at ``place`` leads to, whose items are ``code``."""
        start = self.behind(place)
        return self.take(start + 4, struct.calcsize("<" + code) * int(self.number("I", start)))


def named(names: dict[int, Any], number: int) -> Any:
    """What ``number`` stands for in an enum or a union. Raises ValueError."""
    if number not in names:
        raise ValueError(f"{number} is none of {', '.join(map(str, list(names.values())[:3]))} and so on")
    return names[number]
