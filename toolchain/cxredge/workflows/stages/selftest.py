"""The self-test's inputs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cxredge.files import sha256_bytes
from cxredge.images.readers import READERS
from cxredge.outputs import films_digest
from cxredge.recipe_input import InputSpec
from cxredge.stages import Store
from cxredge.workflows.stages.pictures import Drawn, Pictures


class SelfTestInputs(Pictures):
    """The self-test's pictures, preprocessed."""

    kind = "self-test"
    stack = "selftest"
    step = "self-test inputs"
    kept = missing = "phantoms and patterns that an app's self-test holds"
    code = ("cxredge.bundle.selftest", "cxredge.images.preprocess")
    packages = READERS

    def __init__(self, spec: InputSpec) -> None:
        self.spec = spec

    @property
    def inputs(self) -> Mapping[str, object]:
        """The input spec."""
        return {"input": self.spec.preprocessing.model_dump(mode="json")}

    def draw(self, store: Store) -> Drawn:
        """See ``bundle.selftest.make_inputs``."""
        from cxredge.bundle.selftest import make_inputs
        from cxredge.images.preprocess import preprocess

        inputs = [png for _, png in make_inputs(self.spec).values()]
        pixels = np.stack([preprocess(png, self.spec) for png in inputs])
        return Drawn.of(pixels, films_digest(map(sha256_bytes, inputs)))
