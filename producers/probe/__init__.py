"""A live test of a tenant: it answers what no document says."""

__all__: list[str] = []
