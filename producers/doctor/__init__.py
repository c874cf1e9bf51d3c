"""The checks of `deskbell doctor`, `/readyz` and the metrics: settings, Redis, workers, Feishu."""

__all__: list[str] = []
