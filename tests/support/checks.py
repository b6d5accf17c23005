"""Connectivity checks as a browser makes them."""

from aioice import stun

from mediaserver.sdp.ice import Ice


def check(
    ice: Ice, *, use: bool = False, role: str = "ICE-CONTROLLING", password: str | None = None, name: str | None = None
) -> bytes:
    """A binding request to the agent that has `ice`; `use`: it nominates the pair."""
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    request.attributes["USERNAME"] = f"{ice.ours}:{ice.theirs}" if name is None else name
    request.attributes["PRIORITY"] = 1853824767
    request.attributes[role] = 7
    if use:
        request.attributes["USE-CANDIDATE"] = None
    request.add_message_integrity((password or ice.password).encode())
    return bytes(request)


def is_success(datagram: bytes) -> bool:
    """Whether it answers a check that was taken."""
    return datagram[:2] == b"\x01\x01"
