"""The worker: reads one task, does its jobs one after another, and answers through files.

Forked by the fork server, or ``python -m cxredge.workers.worker TASK PARENT``; the leader of a process group of its
own. Standard output carries progress lines only; whatever exporters print goes to standard error, which is kept.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import time
from pathlib import Path

from cxredge.errors import CxrError, EnvironmentProblem
from cxredge.files import write_text
from cxredge.workers.jobs.base import Desk
from cxredge.workers.process_end import to_its_end
from cxredge.workers.task import Answer, Task


def main(path: str, parent: int) -> int:
    """Do the task. Each job's answer tells how it ended; one that needs a failed one is left out. 0: all ended well.

    The process does not outlive ``parent``.
    """
    # exporters print to stdout as they like: keep the real one for progress, and give them stderr
    progress = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    threading.Thread(target=_leave_with_parent, args=(parent,), daemon=True).start()
    task = Task.model_validate_json(Path(path).read_bytes())
    desk = Desk(Path(task.folder), lambda line: print(line, file=progress, flush=True))
    status = 0
    failed: set[str] = set()
    for place, job in enumerate(task.jobs):
        if failed & {*job.after}:
            failed.add(job.name)
            continue
        answer = Answer()
        try:
            job.place.mkdir(parents=True, exist_ok=True)
            job.do(desk)
        except CxrError as error:
            answer = Answer.of(error)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            # there may be no room for the answer either: the parent then reports the exit status and this line
            print(f"no space left on the device: {error}", file=sys.stderr)
            answer = Answer.of(_full_disk(job.name))
        write_text(task.answer(place), answer.model_dump_json())
        if answer.code is not None:
            failed.add(job.name)
            status = answer.exit
    return status


def _full_disk(name: str) -> EnvironmentProblem:
    fix = "free some space or set CXR_CACHE to another disk"
    return EnvironmentProblem("DISK-FULL", f"no space left during {name}", fix)


def _leave_with_parent(parent: int) -> None:
    """A fork server that was killed cannot end its workers: they notice that they were handed to another parent."""
    while os.getppid() == parent:
        time.sleep(1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    with to_its_end() as end:
        end.status = main(sys.argv[1], int(sys.argv[2]))
