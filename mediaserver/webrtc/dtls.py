"""One DTLS handshake that agrees on SRTP keys (RFC 5764): datagrams in, datagrams out, OpenSSL between them.

OpenSSL keeps the retransmission timer itself and by its own clock: `deadline` says when to call `handle_timer`, which
does nothing before that.
"""

from collections.abc import Iterator

from OpenSSL import SSL

from mediaserver.webrtc.identity import SRTP_PROFILES, Identity
from mediaserver.webrtc.keyring import Keys

_MTU = 1200
_LABEL = b"EXTRACTOR-dtls_srtp"
_RECORD_HEADER = 13
_HANDSHAKE, _CLIENT_HELLO = 22, 1


def begins_handshake(datagram: bytes) -> bool:
    """Whether this is a ClientHello in the clear."""
    return (
        len(datagram) > _RECORD_HEADER
        and datagram[0] == _HANDSHAKE
        and datagram[3:5] == b"\0\0"
        and datagram[_RECORD_HEADER] == _CLIENT_HELLO
    )


class Handshake:
    """`active`: we begin it, as the client. `fingerprints`: those the peer's certificate may have, strongest first."""

    def __init__(self, identity: Identity, *, active: bool, fingerprints: tuple[tuple[str, str], ...]) -> None:
        self._active = active
        self._fingerprints = fingerprints
        self._connection = SSL.Connection(identity.context, None)
        self._connection.set_ciphertext_mtu(_MTU)
        if active:
            self._connection.set_connect_state()
        else:
            self._connection.set_accept_state()
        self.keys: Keys | None = None
        """Agreed on, with a peer that is who it should be."""
        self.failure: str | None = None
        """Why there will be none."""
        self.closed = False
        """The peer has said that it is done (close_notify, RFC 8446 6.1)."""

    def start(self) -> list[bytes]:
        """Begin; the datagrams to send."""
        self._go_on()
        return list(self._written())

    def received(self, datagram: bytes) -> list[bytes]:
        """Take one; the datagrams to send."""
        if self.failure is not None:
            return []
        self._connection.bio_write(datagram)
        if self.keys is None:
            self._go_on()
        else:
            self._read()
        return list(self._written())

    def deadline(self, now: float) -> float | None:
        """When `handle_timer` is due; None while nothing is waited for."""
        if self.failure is not None or self.keys is not None:
            return None
        left = self._connection.DTLSv1_get_timeout()
        return None if left is None else now + left

    def handle_timer(self) -> list[bytes]:
        """The datagrams to send again, if it is time."""
        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error:
            self.failure = "the DTLS handshake is not answered"
        return list(self._written())

    def close(self) -> list[bytes]:
        """The datagrams that tell the peer that we are done (close_notify)."""
        if self.keys is None:
            return []
        try:
            self._connection.shutdown()
        except SSL.Error:
            return []
        return list(self._written())

    def _go_on(self) -> None:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return
        except SSL.Error as error:
            self.failure = f"the DTLS handshake failed: {_why(error)}"
            return
        self._finish()

    def _finish(self) -> None:
        if not self._is_who_it_should_be():
            self.failure = "the certificate in DTLS is not the one in the session description"
            return
        profile = SRTP_PROFILES.get(self._connection.get_selected_srtp_profile().decode())
        if profile is None:
            self.failure = "no SRTP profile in common in DTLS (use_srtp)"
            return
        suite, key, salt = profile
        material = self._connection.export_keying_material(_LABEL, 2 * (key + salt))
        client = material[:key] + material[2 * key : 2 * key + salt]
        server = material[key : 2 * key] + material[2 * key + salt :]
        self.keys = Keys(suite, client, server) if self._active else Keys(suite, server, client)

    def _is_who_it_should_be(self) -> bool:
        """By the strongest hash that the description has: a weaker one besides is no way round it (RFC 8122 5)."""
        certificate = self._connection.get_peer_certificate()
        if certificate is None or not self._fingerprints:
            return False
        function = self._fingerprints[0][0]
        # Of the octets as they are: what else a stranger's certificate holds is not read, and may be anything.
        own = certificate.digest(function.replace("-", "")).decode()
        return (function, own) in self._fingerprints

    def _read(self) -> None:
        """What comes afterwards: the peer's last flight again, which OpenSSL answers; or it closes."""
        try:
            self._connection.recv(1)
        except SSL.ZeroReturnError:
            self.closed = True
        except SSL.Error:
            pass

    def _written(self) -> Iterator[bytes]:
        """What OpenSSL wants sent, in datagrams of whole records."""
        try:
            octets = self._connection.bio_read(1 << 16)
        except SSL.Error:
            return
        begin = at = 0
        while at + _RECORD_HEADER <= len(octets):
            size = _RECORD_HEADER + int.from_bytes(octets[at + 11 : at + 13])
            if at > begin and at + size - begin > _MTU:
                yield octets[begin:at]
                begin = at
            at += size
        yield octets[begin:]


def _why(error: SSL.Error) -> str:
    try:
        return str(error.args[0][0][2])
    except (IndexError, TypeError):
        return "without a reason"
