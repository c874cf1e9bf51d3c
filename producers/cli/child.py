"""Runs a module as `python -m` does, in a process that ends when its parent does: child.py PARENT MODULE ARGUMENTS…

`deskbell up` may be killed without a word (SIGKILL, no memory). What it started must not live on then: the next `up`
would find the port taken, and workers that nobody stops. It is a file to be run, not a module to be imported: a worker
need not load what producers do.
"""

import ctypes
import os
import runpy
import signal
import sys
import threading
import time

__all__ = ["end_with"]

#: How the child is told: it finishes its calls, as on any other stop.
SIGNAL = signal.SIGTERM
#: `PR_SET_PDEATHSIG` of linux/prctl.h.
_SIGNAL_AT_PARENTS_DEATH = 1
#: Where the kernel does not tell, the child looks so often, seconds.
LOOK_SECONDS = 0.5


def end_with(parent: int) -> None:
    """Has SIGNAL sent to this process when its parent dies, or now if it is dead already."""
    if not _kernel_tells():
        threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()
    elif os.getppid() != parent:  # it died before the kernel knew
        os.kill(os.getpid(), SIGNAL)


def _kernel_tells() -> bool:
    if not sys.platform.startswith("linux"):
        return False
    return bool(ctypes.CDLL(None).prctl(_SIGNAL_AT_PARENTS_DEATH, SIGNAL) == 0)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os.kill(os.getpid(), SIGNAL)


if __name__ == "__main__":
    _, parent, module, *arguments = sys.argv
    end_with(int(parent))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
