"""The groups of operations in the OpenAPI document, in the order of the reference page."""

__all__ = ["TAGS"]

TAGS = [
    {"name": "notifications", "description": "One message to one receiver: send, find, cancel, retry, settle."},
    {"name": "announcements", "description": "One message to many receivers: send, watch, steer, read the results."},
    {
        "name": "drafts",
        "description": "An announcement before it starts: edited, tested, approved by a second person, started.",
    },
    {"name": "templates", "description": "Saved messages of a desk, which callers send by their names."},
    {"name": "desks", "description": "The helpdesks: how much they send, and why one does not."},
    {"name": "hooks", "description": "Where other systems post, and the hooks file makes notifications of it."},
    {"name": "feishu", "description": "Where Feishu pushes its events."},
    {"name": "keys", "description": "The keys of this API."},
    {"name": "audit", "description": "What people did."},
    {"name": "health", "description": "For supervisors and load balancers; needs no key."},
    {"name": "metrics", "description": "For Prometheus."},
]
