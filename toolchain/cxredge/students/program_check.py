"""What a program of ``torch.export`` may hold: operators of networks, tensors of this machine, names that are names.

``torch.export.load`` trusts its file: it unpickles, it evaluates symbolic expressions and guards as Python, and names
become Python code. So the description is parsed into its schema, held against this list, and written anew.
Of the format: ``torch/_export/serde/schema.py``.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from enum import Enum
from pathlib import PurePath
from typing import Any

from cxredge.errors import printable

_NAMES = """
_adaptive_avg_pool2d _assert_scalar _assert_tensor_metadata _log_softmax _native_batch_norm_legit_no_training
_softmax _to_copy _unsafe_view _upsample_nearest_exact2d _weight_norm _weight_norm_interface abs
adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool2d add addcmul addmm alias alpha_dropout amax amin arange
argmax as_strided avg_pool1d avg_pool2d baddbmm batch_norm bitwise_and bmm broadcast_to cat channel_shuffle chunk
clamp clamp_max clamp_min clone concat constant_pad_nd contiguous conv1d conv2d conv_transpose2d convolution copy
cos cumsum detach div dot dropout einsum elu embedding eq erf exp expand expand_as expm1 eye feature_alpha_dropout
feature_dropout fill flatten flip floor full full_like gather ge gelu glu group_norm gt hardshrink hardsigmoid
hardswish hardtanh index index_select instance_norm layer_norm le leaky_relu lift_fresh lift_fresh_copy
linalg_vector_norm linear log log1p log_sigmoid log_softmax logical_and logical_not logical_or logsumexp lt
masked_fill matmul max max_pool1d max_pool2d max_pool2d_with_indices maximum mean meshgrid min minimum mish mm
moveaxis movedim mul mv narrow native_batch_norm native_dropout native_group_norm native_layer_norm ne neg new_full
new_ones new_zeros norm ones ones_like outer pad permute pixel_shuffle pixel_unshuffle pow prelu prod ravel
reciprocal reflection_pad2d relu relu6 remainder repeat repeat_interleave replication_pad2d reshape roll round
rsqrt rsub scaled_dot_product_attention select selu sigmoid sign silu sin slice softmax softplus softshrink
softsign split split_with_sizes sqrt square squeeze stack std sub sum sym_constrain_range
sym_constrain_range_for_size sym_numel sym_size sym_stride t tanh tensor_split threshold to transpose tril triu
type_as unbind unflatten unfold unsqueeze upsample_bicubic2d upsample_bilinear2d upsample_nearest2d var var_mean
vdot view view_as where zeros zeros_like
"""
OPERATORS = frozenset(_NAMES.split())
"""Of ATen, in any overload, in place or not: what networks of images are made of. None touches a file, draws random
numbers in evaluation, or reads memory that is not a tensor's."""
NUMBERS = frozenset({"add", "sub", "mul", "floordiv", "mod", "neg", "eq", "ne", "lt", "le", "gt", "ge"})
"""Of Python's ``operator``, on sizes."""
ARGUMENTS = frozenset(
    {
        "as_none", "as_tensor", "as_tensors", "as_int", "as_ints", "as_float", "as_floats", "as_string", "as_sym_int",
        "as_sym_ints", "as_scalar_type", "as_memory_format", "as_layout", "as_device", "as_bool", "as_bools",
        "as_optional_tensors", "as_optional_tensor", "as_int_lists", "as_sym_bool",
    }
)  # fmt: skip
"""Kinds of arguments: no graphs in graphs, no objects, no operators as values."""
INPUTS = frozenset({"user_input", "parameter", "buffer", "tensor_constant"})
OUTPUTS = frozenset({"user_output"})
STATE = frozenset({"parameter_name", "buffer_name", "tensor_constant_name"})
MAX_NODES = 20_000
MAX_TEXT = 20_000
"""Characters of a stack trace or of a list of modules."""

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,255}")
"""Of a node or a tensor: it becomes Python code."""
STORED = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,255}")
"""Of a parameter or buffer."""
MODULE = re.compile(r"[A-Za-z0-9_.@-]{0,255}")
EXPRESSION = re.compile(
    r"(?:Symbol\('s\d{1,6}', positive=True, integer=True\)|Integer\(-?\d{1,9}\)"
    r"|(?:Add|Mul|FloorDiv|CleanDiv|Mod|PythonMod|Min|Max)(?=\()|[(), ])+"
)
"""Sizes that depend on the batch, as sympy's ``srepr`` writes them: no powers, and nothing that could be taken apart in
two ways, for which a search could take for ever."""
MAX_EXPRESSION = 1_000
"""Characters."""
ROOT_STACK = "L__self__,,torch.nn.Module"
"""Of an operator in the network itself: what stands for a list of modules with names that are none."""
SYMBOL = re.compile(r"s\d{1,6}")
MULTIPLE = re.compile(r"\d{1,9}\*s\d{1,6}")
"""What torch calls a size that has to be a multiple."""
TYPE = re.compile(r"[A-Za-z_][A-Za-z0-9_.<>]{0,255}")
WORD = re.compile(r"[A-Za-z0-9_.;]{1,255}")


class Unfit(ValueError):
    """What a program may not hold. operator: the name, where one is the reason."""

    def __init__(self, cause: str, operator: str | None = None) -> None:
        super().__init__(cause)
        self.operator = operator


def checked(program: Any) -> Any:
    """The description (``schema.ExportedProgram``) as it may be loaded; raises ``Unfit``.

    Guards and whatever does not decide what is computed are left out.
    """
    module = program.graph_module
    graph = module.graph
    if graph.custom_obj_values or graph.sym_float_values:
        raise Unfit("it holds objects that are no tensors")
    for node in graph.nodes:
        node.metadata = _metadata(node.metadata)
        _check_target(node)
        node.is_hop_single_tensor_return = None
    for spec, allowed in ((module.signature.input_specs, INPUTS), (module.signature.output_specs, OUTPUTS)):
        for entry in spec:
            if str(entry.type) not in allowed:
                raise Unfit(f"it takes, gives or changes a {entry.type.replace('_', ' ')}")
    module.metadata, module.treespec_namedtuple_fields, program.guards_code = {}, {}, []
    program.verifiers = ["TRAINING"]
    for name in list(program.range_constraints):
        if MULTIPLE.fullmatch(name):
            del program.range_constraints[name]  # what the range of the size itself says again
        elif not SYMBOL.fullmatch(name):
            raise Unfit(f"a range is of no size of its inputs ({name[:40]!a}): export it with fixed rows and columns")
    _check_values(graph)
    _check_values(module.signature)
    return program


def check_tensor(meta: Any) -> None:
    """Raises ``Unfit`` where a tensor's record (``schema.TensorMeta``) is none of an ordinary one."""
    _check_values(meta)
    sizes = [*meta.sizes, *meta.strides, meta.storage_offset]
    if any(size.type != "as_int" or not 0 <= size.as_int < 2**40 for size in sizes):
        raise Unfit("a stored tensor has a size that is none")


def _check_target(node: Any) -> None:
    """Raises ``Unfit`` for an operator that is not on the list, with its module and source line."""
    target: str = node.target
    if target.startswith("torch.ops.aten."):
        found = re.fullmatch(r"torch\.ops\.aten\.([A-Za-z0-9_]+?)_?\.[A-Za-z0-9_]+", target)
        if found is not None and found[1] in OPERATORS:
            return
    elif target.startswith("_operator.") and target.split(".", 1)[1] in NUMBERS:
        return
    module = node.metadata.get("nn_module_stack", ",,").split(";")[-1].split(",")[1]
    lines = re.findall(r'File "([^"]+)", line (\d+)', node.metadata.get("stack_trace", ""))
    where = f" in module {module or 'the network itself'}"
    if lines:
        where += f" at {PurePath(lines[-1][0]).name}:{lines[-1][1]}"
    raise Unfit(f"operator {printable(target[:80])}{where} is none that networks of images are made of", target[:80])


def _metadata(said: dict[str, str]) -> dict[str, str]:
    """The modules and the source line of an operator; whatever else was said of it is left out."""
    kept = {"nn_module_stack": ROOT_STACK}
    trace, stack, called = (said.get(key) for key in ("stack_trace", "nn_module_stack", "torch_fn"))
    if trace is not None and len(trace) <= MAX_TEXT:
        kept["stack_trace"] = trace
    if stack is not None and len(stack) <= MAX_TEXT:
        entries = [entry.split(",") for entry in stack.split(";")]
        if all(
            len(e) == 3 and MODULE.fullmatch(e[0]) and MODULE.fullmatch(e[1]) and TYPE.fullmatch(e[2]) for e in entries
        ):
            kept["nn_module_stack"] = stack
    if called is not None and WORD.fullmatch(called):
        kept["torch_fn"] = called
    return kept


def _check_values(value: Any) -> None:
    """Walk a record and all in it: names, expressions, devices, and kinds of arguments."""
    if isinstance(value, Enum):
        return
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        _check_record(value)
    elif isinstance(value, dict):
        for key, part in value.items():
            _check_text("dict", "name", key)
            _check_values(part)
    elif isinstance(value, list | tuple):
        for part in value:
            _check_values(part)


def _check_record(value: Any) -> None:
    """One record, and all in it."""
    kind = type(value).__name__
    if kind == "Argument" and str(value.type) not in ARGUMENTS:
        raise Unfit(f"an argument is of kind {value.type.removeprefix('as_')}")
    if kind == "SymExpr" and not (len(value.expr_str) <= MAX_EXPRESSION and EXPRESSION.fullmatch(value.expr_str)):
        raise Unfit("a size is none that is computed from the number of images")
    if kind == "Device" and (value.type != "cpu" or value.index is not None):
        raise Unfit(f"a tensor is on the device {value.type[:20]!r}; move the network to the CPU before its export")
    for name, part in _parts(value):
        if isinstance(part, str):
            _check_text(kind, name, part)
        else:
            _check_values(part)


def _parts(value: Any) -> Iterable[tuple[str, Any]]:
    """Fields of a record; of a union the one that is there."""
    if hasattr(type(value), "type"):
        return [(str(value.type), value.value)]
    return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]


def _check_text(kind: str, field: str, text: str) -> None:
    checked_elsewhere = {("SymExpr", "expr_str"), ("Device", "type"), ("Node", "target")}
    if (kind, field) in checked_elsewhere or (kind == "Node" and field == "metadata"):
        return
    if field == "as_string":  # a mode of rounding or padding, an equation
        if not re.fullmatch(r"[A-Za-z0-9_,.> -]{0,64}", text):
            raise Unfit("an argument is a text that no operator takes")
    elif not (STORED if field in STATE else NAME).fullmatch(text):
        raise Unfit(f"a name is none: {text[:80]!a}")
