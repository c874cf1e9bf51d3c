"""The version of the record, that is of the keys and fields in Redis."""

__all__ = ["SCHEMA"]

#: Goes up by one with every change that an older Deskbell would misread, together with a step in
#: `ledger.schema.MIGRATIONS`. A new field that older ones may leave alone is no such change.
SCHEMA = 1
