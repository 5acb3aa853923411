"""Importing one target's exporter or runtime, as lowering and running do: what is wrong with its packages is raised."""

from __future__ import annotations

import traceback
from typing import Literal

from cxredge.errors import EnvironmentProblem, raised
from cxredge.vocabulary import TargetName
from cxredge.workers.jobs.base import Desk, Job


class ImportStack(Job):
    """what: ``exporter`` or ``runtime``."""

    kind: Literal["import-stack"] = "import-stack"
    target: TargetName
    what: Literal["exporter", "runtime"]

    def do(self, desk: Desk) -> None:
        """Raises EnvironmentProblem STACK-IMPORT."""
        from cxredge.targets import get_target

        target = get_target(self.target)
        try:
            target.import_exporter() if self.what == "exporter" else target.import_runtime()
        except Exception as error:  # whatever packages raise when they are imported
            traceback.print_exc()
            raise EnvironmentProblem(
                "STACK-IMPORT",
                f"its import fails: {raised(error)}",
                "run `make setup` again; if it stays, report this line",
            ) from error
