"""The program as data: typed nodes in execution order, constants loaded, nothing computed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.mlprogram.package import MAX_WEIGHTS, MODEL_PATH, Package, open_package
from cxredge.mlprogram.schema import DATA_TYPES, parse_model
from cxredge.mlprogram.types import COMPUTED, DTYPES, GIVEN, MAX_ALIVE, MAX_ELEMENTS, MAX_RANK, TensorType, storage
from cxredge.mlprogram.weights import Weights, packed_size, unpack

ENTRY = "main"
MAX_OPERATIONS = 1 << 16
MAX_NAME = 1000
FIX = "export the package again, or export it without this"
# where a value that stands in the model itself lies, by its dtype; packed in `bytes` otherwise
_FIELDS = {
    "bool": "bools", "string": "strings", "float32": "floats", "float64": "doubles", "int16": "ints", "uint16": "ints",
    "int32": "ints", "int64": "longInts", "uint64": "longInts",
}  # fmt: skip


@dataclass(frozen=True)
class Constant:
    """A constant: ``value`` is a string, or an array whose dtype holds that of ``type``."""

    type: TensorType
    value: NDArray[Any] | str
    blob: str | None = None
    """Where in the weights file it lies (``file@offset``); None when it stands in the model itself."""


@dataclass(frozen=True)
class Node:
    """One operator: arguments are names of values or of constants; several for a list parameter.

    blocks: how many programs stand inside it (control flow).
    """

    type: str
    name: str
    arguments: dict[str, tuple[str, ...]]
    outputs: tuple[tuple[str, TensorType], ...]
    blocks: int = 0


@dataclass
class Graph:
    """One function of a package, flat. ``constants``: by name, those written in place of an argument included."""

    path: Path
    opset: str
    inputs: dict[str, TensorType]
    outputs: tuple[str, ...]
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Constant] = field(default_factory=dict)

    def types(self) -> dict[str, TensorType]:
        """Declared type of every value by name: inputs, constants and results."""
        made = {name: kind for node in self.nodes for name, kind in node.outputs}
        return {**self.inputs, **{name: c.type for name, c in self.constants.items()}, **made}


def read_graph(path: Path) -> Graph:
    """The ``main`` function of the package (folder or zip file) at ``path``.

    Raises InputError MLPROGRAM-PACKAGE, MLPROGRAM-SYNTAX, MLPROGRAM-WEIGHTS, MLPROGRAM-TYPE (a dtype, a shape or a kind
    of value that cannot be evaluated) or MLPROGRAM-SIZE.
    """
    with open_package(path) as package:
        data, folder = package.model()
        functions = parse_model(bytes(data)).mlProgram.functions
        if ENTRY not in functions:
            known = ", ".join(sorted(functions)) or "no ML Program at all"
            raise _syntax(path, f"it has no function {ENTRY} ({known!r:.200})")
        function = functions[ENTRY]
        if function.opset not in function.block_specializations:
            raise _syntax(path, f"there is no block for its own opset {function.opset!r:.80}")
        return _Reader(package, str(folder)).graph(function)


class _Reader:
    def __init__(self, package: Package, folder: str) -> None:
        self._path, self._package, self._folder = package.path, package, folder
        self._files: dict[str, Weights] = {}
        self._constants: dict[str, Constant] = {}
        self._made: set[str] = set()
        self._elements = 0

    def graph(self, function: Any) -> Graph:
        block = function.block_specializations[function.opset]
        inputs = dict(self.results(function.inputs, "input", GIVEN))
        if len(block.operations) > MAX_OPERATIONS:
            raise _size(self._path, f"it has {len(block.operations)} operators, more than {MAX_OPERATIONS}")
        nodes = [node for operation in block.operations if (node := self.node(operation)) is not None]
        outputs = tuple(self.known(name, "the program's output") for name in block.outputs)
        if not outputs or len(set(outputs)) < len(outputs):
            raise _syntax(self._path, "it has no output, or one twice")
        if strings := [n for n in outputs if n in self._constants and self._constants[n].type.dtype not in COMPUTED]:
            raise _type(self._path, f"its output {strings[0]} is no tensor that is computed with")
        return Graph(self._path, function.opset, inputs, outputs, nodes, self._constants)

    def node(self, operation: Any) -> Node | None:
        """The operator as a node; None when it is a constant, which is then among the constants."""
        kind, name = self.name(operation.type), self.name(_node_name(operation))
        where = f"{kind} {name}"
        attributes = {key: value for key, value in operation.attributes.items() if key != "name"}
        if kind == "const":
            if "val" not in attributes or len(operation.outputs) != 1:
                raise _syntax(self._path, f"{where} has no value")
            constant = self.constant(attributes["val"], where)
            ((made, declared),) = self.results(operation.outputs, where, DTYPES | {"string"})
            if declared != constant.type:
                raise _type(self._path, f"{where} is declared {declared}, its value {constant.type}")
            self._constants[made] = constant
            return None
        if both := sorted(set(attributes) & set(operation.inputs)):
            raise _syntax(self._path, f"{where} has {both[0]!r:.80} twice")
        prefix = operation.outputs[0].name if operation.outputs else ""
        arguments = {}
        for key, argument in operation.inputs.items():
            place = f"{prefix}.{self.name(key)}"
            arguments[key] = tuple(
                self.known(b.name, where)
                if b.WhichOneof("binding") == "name"
                else self.in_place(b.value, f"{place}.{i}")
                for i, b in enumerate(argument.arguments)
            )
        for key, value in attributes.items():
            arguments[key] = (self.in_place(value, f"{prefix}.{self.name(key)}"),)
        results = tuple(self.results(operation.outputs, where, COMPUTED))
        if not results:
            raise _syntax(self._path, f"{where} makes nothing")
        return Node(kind, name, arguments, results, len(operation.blocks))

    def name(self, text: str) -> str:
        """``text``, once it is fit to be shown to a person."""
        if not (0 < len(text) <= MAX_NAME and text.isprintable()):
            raise _syntax(self._path, f"{text!r:.80} is no name")
        return text

    def known(self, name: str, where: str) -> str:
        if name not in self._made:
            raise _syntax(self._path, f"{where} reads {name!r:.200}, which nothing before it makes")
        return name

    def make(self, name: str) -> str:
        if self.name(name) in self._made:
            raise _syntax(self._path, f"the value {name} is made twice")
        self._made.add(name)
        return name

    def in_place(self, value: Any, name: str) -> str:
        """The name given to a constant that has none."""
        self._constants[self.make(name)] = self.constant(value, name)
        return name

    def results(self, named: Iterable[Any], where: str, allowed: frozenset[str]) -> list[tuple[str, TensorType]]:
        return [(self.make(v.name), self.type(v.type, f"{v.name} ({where})", allowed)) for v in named]

    def type(self, value: Any, where: str, allowed: frozenset[str]) -> TensorType:
        kind = value.WhichOneof("type")
        if kind != "tensorType":
            raise _type(self._path, f"{where} is a {kind or 'value without type'}, not a tensor")
        tensor = value.tensorType
        dtype = DATA_TYPES.get(tensor.dataType, f"number {tensor.dataType}")
        if dtype not in allowed:
            raise _type(self._path, f"{where} is of dtype {dtype}, which cannot be evaluated")
        if tensor.rank != len(tensor.dimensions):
            raise _type(self._path, f"{where} declares rank {tensor.rank} and {len(tensor.dimensions)} dimensions")
        if tensor.rank > MAX_RANK:
            raise _size(self._path, f"{where} has {tensor.rank} axes, more than {MAX_RANK}")
        if any(d.WhichOneof("dimension") != "constant" for d in tensor.dimensions):
            raise _type(self._path, f"{where} has a flexible shape; fixed shapes only are evaluated")
        declared = TensorType(dtype, tuple(int(d.constant.size) for d in tensor.dimensions))
        if max(declared.elements, *declared.shape, 0) > MAX_ELEMENTS:
            raise _size(self._path, f"{where} is {declared}: more than {MAX_ELEMENTS} elements")
        # an empty list of axes, say, is a constant; nothing is computed with nothing
        if declared.elements == 0 and allowed <= COMPUTED:
            raise _type(self._path, f"{where} is {declared}, without an element")
        return declared

    def constant(self, value: Any, where: str) -> Constant:
        declared = self.type(value.type, where, DTYPES | {"string"})
        self._elements += declared.elements
        if self._elements > MAX_ALIVE:
            raise _size(self._path, f"its constants have more than {MAX_ALIVE} elements")
        if value.WhichOneof("value") == "blobFileValue" and declared.dtype != "string":
            blob = value.blobFileValue
            return Constant(
                declared, self._weights(blob.fileName).read(blob.offset, declared), f"{blob.fileName}@{blob.offset}"
            )
        return Constant(declared, self._immediate(value, declared, where))

    def _weights(self, name: str) -> Weights:
        if name not in self._files:
            relative = name.removeprefix(MODEL_PATH)
            if relative == name:
                raise _syntax(self._path, f"a constant lies in {name!r:.200}, which is not below {MODEL_PATH}")
            place = self._package.inside(f"{self._folder}/{relative}")
            limit = MAX_WEIGHTS - sum(len(weights) for weights in self._files.values())
            self._files[name] = Weights(f"{self._path}/{place}", self._package.read(place, limit))
        return self._files[name]

    def _immediate(self, value: Any, declared: TensorType, where: str) -> NDArray[Any] | str:
        tensor = value.immediateValue.tensor
        kind, needed = tensor.WhichOneof("value"), _FIELDS.get(declared.dtype, "bytes")
        if kind != needed:
            raise _type(self._path, f"{where} is {declared} and holds {kind}, not {needed}")
        values = getattr(tensor, kind).values
        count = packed_size(declared) if kind == "bytes" else declared.elements
        if len(values) != count:
            raise _type(self._path, f"{where} has {len(values)} {kind} for {declared}")
        if kind == "bytes":
            return unpack(values, declared)
        if kind == "strings":
            if count != 1:
                raise _type(self._path, f"{where} is not one string")
            return str(values[0])
        try:
            return np.fromiter(values, storage(declared.dtype), count).reshape(declared.shape)
        except (ValueError, OverflowError) as error:
            raise _type(self._path, f"{where}: {error}") from error


def _node_name(operation: Any) -> str:
    """The operator's own name if it is there, else that of its first result."""
    if "name" in operation.attributes:
        strings = operation.attributes["name"].immediateValue.tensor.strings.values
        if len(strings) == 1:
            return str(strings[0])
    return str(operation.outputs[0].name) if operation.outputs else "(without a name)"


def _syntax(path: Path, what: str) -> InputError:
    return InputError("MLPROGRAM-SYNTAX", f"{path}: {what}", FIX)


def _type(path: Path, what: str) -> InputError:
    return InputError("MLPROGRAM-TYPE", f"{path}: {what}", FIX)


def _size(path: Path, what: str) -> InputError:
    return InputError("MLPROGRAM-SIZE", f"{path}: {what}", "a model this large is not meant for a phone")
