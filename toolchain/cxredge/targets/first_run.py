"""Whether a runtime takes what was just written: the file is opened, and one grey image is run."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cxredge.errors import CxrError
from cxredge.recipe_input import InputSpec
from cxredge.targets.quiet import kept_quiet, same_threads
from cxredge.targets.runner import Runner

GREY = 127


def refusal(opened: Callable[[], Runner], spec: InputSpec) -> CxrError | None:
    """Why the runtime does not run the file, with all that it said in the cause; None where it does.

    opened: opens the file. What the outputs say is not looked at: that is for the gates.
    """
    image = np.full((1, spec.channels, spec.height, spec.width), GREY, np.float32)
    said: list[str] = []
    try:
        with same_threads(), kept_quiet() as said, opened() as runner:
            runner.run(image)
    except CxrError as error:
        if error.code == "RUN-OUTPUT":
            return None
        error.cause += f" {' | '.join(said)}" if said else ""
        return error
    return None
