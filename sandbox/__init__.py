"""A simulated Feishu helpdesk on this machine, for the demo, tests and benchmarks.

    python -m sandbox --port 8470 --rate 100/minute --demo

or, inside a test, `with sandbox.running("--rate", "5/second") as base_url: ...`. It imports nothing of ours.
"""

from sandbox.server import main, running

__all__ = ["main", "running"]
