"""What is true: models, states, Redis keys, one Lua file per verb, settings. Imports nothing of ours."""

__all__: list[str] = []
