"""Addresses of this machine: no proxy stands before them, and nobody listens on the way."""

from mediaproviders.websocket import address


def is_loopback(url: str | None) -> bool:
    """Whether `url`, or a bare `host:port`, leads to this machine."""
    return url is not None and address.is_loopback(url if "//" in url else f"//{url}")
