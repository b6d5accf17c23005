"""STUN binding on the SIP port (RFC 5389, RFC 5626 4.4.2): keeps a NAT open, and tells who we seem to be."""

import struct

from aioice import stun

from mediaserver.net.local_address import Address

_COOKIE = stun.COOKIE.to_bytes(4, "big")
_HEADER = 20


def is_stun(data: bytes) -> bool:
    """Whether a datagram is STUN and no SIP: no SIP message begins with an octet below 4 (RFC 5626 8)."""
    return len(data) >= _HEADER and data[0] < 4 and data[4:8] == _COOKIE


def answer(data: bytes, source: Address) -> bytes | None:
    """The response to a binding request from `source`; None for anything else."""
    message = _parsed(data)
    if message is None or (message.message_method, message.message_class) != (stun.Method.BINDING, stun.Class.REQUEST):
        return None
    response = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, message.transaction_id)
    response.attributes["XOR-MAPPED-ADDRESS"] = source
    if "FINGERPRINT" in message.attributes:
        response.add_fingerprint()
    return bytes(response)


def request(transaction: bytes) -> bytes:
    """A binding request; `transaction` are 12 random octets."""
    return bytes(stun.Message(stun.Method.BINDING, stun.Class.REQUEST, transaction))


def mapped(data: bytes) -> tuple[bytes, Address] | None:
    """Transaction and our address as the peer sees it, of a binding response; None for anything else."""
    message = _parsed(data)
    if message is None or (message.message_method, message.message_class) != (stun.Method.BINDING, stun.Class.RESPONSE):
        return None
    address = message.attributes.get("XOR-MAPPED-ADDRESS") or message.attributes.get("MAPPED-ADDRESS")
    return None if address is None else (message.transaction_id, address)


def _parsed(data: bytes) -> stun.Message | None:
    try:
        return stun.parse_message(data)
    except (ValueError, struct.error):
        return None
