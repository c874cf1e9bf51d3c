"""The contacts of the simulated tenant: people, departments and user groups, as the app may see them."""

__all__: list[str] = []
