"""What a process may have open: enough for a command, or the command is refused before it begins."""

from __future__ import annotations

import resource

from cxredge.errors import EnvironmentProblem

FILES = 256
"""Files, pipes and sockets open at once; no system's default is less, and a build of every target gets by with it."""


def enough_files() -> None:
    """See to it that this process may open ``FILES`` files: with fewer, packages fail in ways that look like damage.

    Raises EnvironmentProblem LIMIT-FILES where the limit may not be raised so far.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= FILES:
        return
    if hard != resource.RLIM_INFINITY and hard < FILES:
        raise EnvironmentProblem(
            "LIMIT-FILES",
            f"this process may open {hard} files at most, and {FILES} are needed",
            "raise the hard limit of open files (ulimit -H -n, or the service's or container's setting)",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))
