"""Names and groups of streams (RFC 5888, RFC 8843): of one stream, for that is what we have."""

from mediaserver.sdp.session import Attributes, MediaDescription, SessionDescription


def mid_of(name: str | None) -> Attributes:
    """A stream's name as its attribute."""
    return () if name is None else (("mid", name),)


def bundled(name: str | None) -> Attributes:
    """The session's attribute that makes a bundle of the stream of that name."""
    return () if name is None else (("group", f"BUNDLE {name}"),)


def grouped(offered: SessionDescription, media: MediaDescription) -> Attributes:
    """The answer's part in a bundle that `media` was offered in: of its streams, that one is taken (RFC 8843 7.3.1)."""
    mid = media.attribute("mid")
    for name, value in offered.attributes:
        words = (value or "").split()
        if name == "group" and words[:1] == ["BUNDLE"] and mid is not None and mid in words[1:]:
            return bundled(mid)
    return ()
