"""What `deskbell doctor`, `/readyz` and the metrics ask: settings, Redis, workers, Feishu."""

__all__: list[str] = []
