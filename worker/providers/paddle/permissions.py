"""Which permission of a key each request to Paddle's API needs.

https://developer.paddle.com/api-reference/about/permissions and ``x-permissions`` in
Paddle's OpenAPI description.
"""

#: Where a key gets its permissions, in the dashboard.
KEYS = "Paddle > Developer tools > Authentication"
#: Where it is not called like the list.
_ENTITIES = {
    "events": "notification",
    "simulations": "notification_simulation",
    "addresses": "address",
    "businesses": "business",
}
#: Lists below a customer, whose permission is their own.
_OWN = {"addresses", "businesses"}
_READING = ("GET", "HEAD")


def permission_of(method: str, path: str) -> str:
    """Return the permission that a request needs: ``transaction.write``."""
    parts = path.strip("/").split("/")
    name = next((part for part in parts if part in _OWN), parts[0])
    entity = _ENTITIES.get(name, name.removesuffix("s").replace("-", "_"))
    return f"{entity}.{'read' if method in _READING else 'write'}"
