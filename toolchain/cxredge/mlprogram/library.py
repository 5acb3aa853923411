"""The library of operators: importing a family's file registers what is in it."""

from __future__ import annotations

from cxredge.mlprogram.registry import Operator, registered


def operators() -> dict[str, Operator]:
    """Every operator by MIL name; imports torch."""
    # imported by their names, so that whoever looks for the code that an evaluation runs finds them
    from cxredge.mlprogram.operators import (  # noqa: F401
        activation,
        attention,
        blocks,
        compression,
        convolution,
        elementwise_binary,
        elementwise_unary,
        gather,
        joining,
        linear,
        normalization,
        pooling,
        quantization,
        reduction,
        resize,
        scatter,
        selection,
        shape,
        slicing,
        sparsity,
    )

    return registered()
