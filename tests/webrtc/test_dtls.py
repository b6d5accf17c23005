"""DTLS-SRTP: both roles in one process, who may take part, and what is lost on the way."""

import hashlib
import time
from collections.abc import Iterable

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL.crypto import FILETYPE_ASN1, load_certificate

from mediaserver.sdp.security import Dtls
from mediaserver.webrtc.association import Address, Association
from mediaserver.webrtc.dtls import Handshake, begins_handshake
from mediaserver.webrtc.identity import SRTP_PROFILES, Identity

PEER, NATTED, STRANGER = ("198.51.100.1", 4000), ("203.0.113.1", 61000), ("203.0.113.66", 6666)
OWN = ("192.0.2.1", 4000)


def prints(identity: Identity, *more: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    function, _, digest = identity.fingerprint.partition(" ")
    return (*more, (function, digest))


def pair(ours: Identity, theirs: Identity) -> tuple[Handshake, Handshake]:
    return (
        Handshake(ours, active=True, fingerprints=prints(theirs)),
        Handshake(theirs, active=False, fingerprints=prints(ours)),
    )


def exchange(first: Handshake, second: Handshake, flight: Iterable[bytes]) -> None:
    """Carry everything between two, beginning with a flight from the first."""
    waiting, to, other = list(flight), second, first
    for _ in range(20):
        if not waiting:
            return
        waiting = [answer for datagram in waiting for answer in to.received(datagram)]
        to, other = other, to
    raise AssertionError("they never come to rest")


def test_both_roles_end_up_with_the_same_keys(ours: Identity, theirs: Identity) -> None:
    client, server = pair(ours, theirs)
    exchange(client, server, client.start())
    assert client.keys is not None and server.keys is not None
    assert client.keys.suite == server.keys.suite == "AEAD_AES_256_GCM"
    assert (client.keys.ours, client.keys.theirs) == (server.keys.theirs, server.keys.ours)
    assert len(client.keys.ours) == 44 and client.keys.ours != client.keys.theirs
    assert client.deadline(0.0) is server.deadline(0.0) is None


@pytest.mark.parametrize("profile", SRTP_PROFILES)
def test_every_profile_can_be_the_one_in_common(profile: str, ours: Identity) -> None:
    other = Identity()
    other.context.set_tlsext_use_srtp(profile.encode())
    client, server = pair(ours, other)
    exchange(client, server, client.start())
    assert client.keys is not None and server.keys == type(server.keys)(  # type: ignore[misc]
        SRTP_PROFILES[profile][0], client.keys.theirs, client.keys.ours
    )


def test_datagrams_fit_into_a_frame_and_hold_whole_records(ours: Identity, theirs: Identity) -> None:
    client, server = pair(ours, theirs)
    for datagram in client.start():
        for answer in server.received(datagram):
            assert len(answer) <= 1200
            at = 0
            while at < len(answer):
                at += 13 + int.from_bytes(answer[at + 11 : at + 13])
            assert at == len(answer)


def test_another_certificate_than_the_described_one_is_refused(ours: Identity, theirs: Identity) -> None:
    client = Handshake(ours, active=True, fingerprints=prints(ours))
    server = Handshake(theirs, active=False, fingerprints=prints(ours))
    exchange(client, server, client.start())
    assert client.keys is None and "not the one in the session description" in (client.failure or "")


@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL X509 objects")
def test_a_certificate_that_nobody_can_read_counts_by_its_octets(ours: Identity) -> None:
    odd = Identity()
    octets = bytearray(odd.certificate.public_bytes(Encoding.DER))
    octets[octets.index(b"\xa0\x03\x02\x01\x02") + 4] = 9  # a version that there is not
    odd.context.use_certificate(load_certificate(FILETYPE_ASN1, bytes(octets)))
    digest = hashlib.sha256(octets).digest().hex(":").upper()
    for told, agreed in ((digest, True), (odd.fingerprint.partition(" ")[2], False)):
        client = Handshake(ours, active=True, fingerprints=(("sha-256", told),))
        exchange(client, Handshake(odd, active=False, fingerprints=prints(ours)), client.start())
        assert (client.keys is not None) is agreed


def test_the_strongest_hash_decides(ours: Identity, theirs: Identity) -> None:
    strong = ("sha-512", theirs.certificate.fingerprint(hashes.SHA512()).hex(":").upper())
    for given_, agreed in ((strong, True), (("sha-512", "AB:CD"), False)):
        client = Handshake(ours, active=True, fingerprints=prints(theirs, given_))
        server = Handshake(theirs, active=False, fingerprints=prints(ours))
        exchange(client, server, client.start())
        assert (client.keys is not None) is agreed


def test_without_a_profile_there_are_no_keys(ours: Identity) -> None:
    plain = Identity()
    bare = plain.context
    bare.set_tlsext_use_srtp(b"SRTP_AES128_CM_SHA1_32")
    client, server = pair(ours, plain)
    exchange(client, server, client.start())
    assert client.keys is None and server.keys is None
    assert "use_srtp" in (client.failure or "") or "use_srtp" in (server.failure or "")


def _after(handshake: Handshake) -> list[bytes]:
    """What is sent again once OpenSSL's own clock has come to its timer."""
    due = handshake.deadline(time.monotonic())
    assert due is not None and 0.5 < due - time.monotonic() <= 1.0
    while time.monotonic() < due + 0.01:
        time.sleep(0.05)
    return handshake.handle_timer()


def test_a_flight_that_is_lost_is_sent_again(ours: Identity, theirs: Identity) -> None:
    client, server = pair(ours, theirs)
    client.start()
    assert client.handle_timer() == []  # it is not time
    exchange(client, server, _after(client))
    assert client.keys is not None and server.keys is not None


def test_the_last_flight_is_answered_again(ours: Identity, theirs: Identity) -> None:
    client, server = pair(ours, theirs)
    hello = client.start()
    finished = [more for first in hello for second in server.received(first) for more in client.received(second)]
    for datagram in finished:
        server.received(datagram)  # and the answer is lost
    assert server.keys is not None and client.keys is None
    exchange(client, server, _after(client))
    assert client.keys is not None and client.keys.ours == server.keys.theirs


@given(st.binary(min_size=1, max_size=200))
def test_garbage_changes_nothing(ours: Identity, theirs: Identity, garbage: bytes) -> None:
    client, server = pair(ours, theirs)
    hello = client.start()
    assert server.received(b"\x16" + garbage) == [] or server.failure is not None
    if server.failure is None:
        exchange(client, server, hello)
        assert server.keys is not None


class Site:
    """An association and what it sends."""

    def __init__(self, own: Identity, peer: Identity, *, active: bool, at: Address = PEER) -> None:
        self.sent: list[tuple[bytes, Address]] = []
        self.side = Association(
            own, Dtls(active, prints(peer)), lambda *sent: self.sent.append(sent), lambda source: source[0] == at[0]
        )

    def flush(self) -> list[tuple[bytes, Address]]:
        sent, self.sent = self.sent, []
        return sent

    def serve(self, source: Address, client: Handshake) -> None:
        """Carry a whole handshake that `client` begins from `source`."""
        waiting = client.start()
        while waiting:
            for datagram in waiting:
                self.side.received(datagram, source)
            waiting = [answer for datagram, to in self.flush() if to == source for answer in client.received(datagram)]


def client_of(identity: Identity, server: Identity) -> Handshake:
    return Handshake(identity, active=True, fingerprints=prints(server))


@pytest.mark.parametrize("source", [PEER, NATTED])
def test_the_peer_may_begin_from_behind_a_nat(source: Address, ours: Identity, theirs: Identity) -> None:
    site, client = Site(ours, theirs, active=False), client_of(theirs, ours)
    site.serve(source, client)
    assert site.side.keys is not None and client.keys is not None and site.side.keys.ours == client.keys.theirs


def test_a_stranger_can_neither_take_over_nor_spoil_it(ours: Identity, theirs: Identity) -> None:
    site, stranger = Site(ours, theirs, active=False), Identity()
    for port in range(20):
        site.serve((STRANGER[0], port), client_of(stranger, ours))
    assert site.side.keys is None and site.side.failure is None and site.side.refused == 20
    site.serve(PEER, client_of(theirs, ours))
    assert site.side.keys is not None
    kept = site.side.keys
    site.serve(STRANGER, client_of(stranger, ours))
    assert site.side.keys is kept and site.side.failure is None


def test_half_open_handshakes_of_strangers_are_bounded(ours: Identity, theirs: Identity) -> None:
    site = Site(ours, theirs, active=False)
    for port in range(20):
        for datagram in client_of(theirs, ours).start():
            site.side.received(datagram, (STRANGER[0], port))
    assert len(site.side._handshakes) == 4
    site.serve(PEER, client_of(theirs, ours))
    assert site.side.keys is not None


def test_another_certificate_at_the_peers_address_is_reported(ours: Identity, theirs: Identity) -> None:
    site = Site(ours, theirs, active=False)
    site.serve(PEER, client_of(Identity(), ours))
    assert site.side.keys is None and "certificate" in (site.side.failure or "")


def test_the_peer_may_begin_anew(ours: Identity, theirs: Identity) -> None:
    site = Site(ours, theirs, active=False)
    site.serve(PEER, client_of(theirs, ours))
    first = site.side.keys
    site.serve(PEER, client_of(theirs, ours))
    assert first is not None and site.side.keys is not None and site.side.keys.ours != first.ours


def test_the_peer_may_not_begin_anew_without_end(ours: Identity, theirs: Identity) -> None:
    site = Site(ours, theirs, active=False)
    site.serve(PEER, client_of(theirs, ours))
    hello = next(iter(client_of(theirs, ours).start()))
    for _ in range(100):
        site.side.received(hello, PEER)
    kept = site.side.keys
    site.serve(PEER, client_of(theirs, ours))
    assert kept is not None and site.side.keys is kept and site.side.refused >= 68


def test_a_late_copy_of_what_began_it_changes_nothing(ours: Identity, theirs: Identity) -> None:
    site, client = Site(ours, theirs, active=False), client_of(theirs, ours)
    (hello,) = client.start()
    waiting = [hello]
    while waiting:
        for datagram in waiting:
            site.side.received(datagram, PEER)
        waiting = [answer for datagram, _ in site.flush() for answer in client.received(datagram)]
    keys = site.side.keys
    site.side.received(hello, PEER)
    assert site.side.deadline(0.0) is not None
    site.flush()
    site.side.handle_timer()
    assert site.flush() == [] and site.side.deadline(0.0) is None and site.side.keys is keys is not None


def test_we_begin_where_that_is_agreed_and_only_once(ours: Identity, theirs: Identity) -> None:
    site = Site(ours, theirs, active=True)
    server = Handshake(theirs, active=False, fingerprints=prints(ours))
    site.side.begin(PEER)
    site.side.begin(PEER)
    while sent := site.flush():
        assert {to for _, to in sent} == {PEER}
        for answer in [each for datagram, _ in sent for each in server.received(datagram)]:
            site.side.received(answer, PEER)
    assert site.side.keys is not None and server.keys is not None
    site.side.begin(PEER)
    assert site.flush() == [] and site.side.deadline(0.0) is None


def test_what_begins_a_handshake_is_told_by_its_first_octets(ours: Identity, theirs: Identity) -> None:
    client, server = pair(ours, theirs)
    (hello,) = client.start()
    assert begins_handshake(hello) and not begins_handshake(hello[:13]) and not begins_handshake(b"")
    assert not any(map(begins_handshake, server.received(hello)))
