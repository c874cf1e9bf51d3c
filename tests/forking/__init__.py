"""Python processes that start in a tenth of the time, since they are forked off one that has imported all there is."""

from tests.forking.popen import Popen, run

__all__ = ["Popen", "run"]
