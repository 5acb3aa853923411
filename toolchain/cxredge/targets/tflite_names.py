"""Short tensor names: litert-torch writes every class on the way into each name, hundreds of bytes a tensor."""

from __future__ import annotations

from cxredge.targets.tflite_metadata import pack, unpack


def shorten_names(data: bytes) -> bytes:
    """The model in ``data`` with every tensor named by module path (``backbone/blocks/6/0/conv_pw;2``), inlined.

    The names are unique and in the order of the tensors, and what the calibration records is what the file holds.
    """
    model = unpack(data)
    taken: set[str] = set()
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            name = short = shorten(tensor.name.decode())
            number = 1
            while short in taken:
                short, number = f"{name}~{number}", number + 1
            taken.add(short)
            tensor.name = short.encode()
    return pack(model, len(data))


def shorten(name: str) -> str:
    """Module path of the last operator that ``name`` lists, with its number; names without a path stay.

    ``a.B/c.Student_student/d.E_backbone/f.ReLU6_act;;a.B/c.Student_student/d.E_backbone/g.Conv2d_stem;2`` (operators
    fused into one stand behind each other) becomes ``backbone/stem;2``.
    """
    last = [part for part in name.split(";;") if "/" in part or "." in part]
    path, _, number = (last[-1] if last else name).partition(";")
    parts = path.split("/")
    if len(parts) < 2:
        return name
    # the wrapper, the student, then <class>_<attribute> for every module on the way
    attributes = [part.rsplit(".", 1)[-1].partition("_")[2] or part for part in parts[2:]]
    short = "/".join(attributes) or "student"
    return f"{short};{number}" if number else short
