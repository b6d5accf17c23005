"""TLS without sockets: two sides, cut anywhere, and what garbage does."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediaserver.net.tls import TlsClient, TlsServer, TlsSettings
from mediaserver.net.tls_layer import TlsError, TlsLayer
from support.tls import Authority


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[TlsServer, TlsClient]:
    directory: Path = tmp_path_factory.mktemp("tls")
    authority = Authority(directory)
    issued = authority.issue("sip.example.com")
    return TlsServer(TlsSettings(issued.certificate, issued.key)), TlsClient(TlsSettings(ca=authority.file))


def sides(contexts: tuple[TlsServer, TlsClient]) -> tuple[TlsLayer, TlsLayer]:
    server, client = contexts
    return (
        TlsLayer(server.context, peer="the client", role="server"),
        TlsLayer(client.context, peer="sip.example.com", role="client", server_name="sip.example.com"),
    )


def meet(server: TlsLayer, client: TlsLayer) -> None:
    client.begin()
    for _ in range(3):
        server.receive(client.outgoing())
        client.receive(server.outgoing())


def test_both_sides_meet_talk_and_part(contexts: tuple[TlsServer, TlsClient]) -> None:
    server, client = sides(contexts)
    meet(server, client)
    assert server.established and client.established
    assert (client.peer_name(), server.peer_name()) == ("sip.example.com", "")
    client.send(b"question" * 10_000)
    assert server.receive(client.outgoing()) == b"question" * 10_000
    server.send(b"answer")
    server.end()
    assert client.receive(server.outgoing()) == b"answer" and client.ended
    client.send(b"late")
    server.send(b"late")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 3000), max_size=8))
def test_the_cuts_of_the_network_change_nothing(contexts: tuple[TlsServer, TlsClient], cuts: list[int]) -> None:
    server, client = sides(contexts)
    client.begin()
    plain = b""
    for _ in range(3):
        for octets, other in ((client.outgoing(), server), (server.outgoing(), client)):
            edges = [0, *sorted(cut for cut in cuts if cut < len(octets)), len(octets)]
            for start, end in pairwise(edges):
                plain += other.receive(octets[start:end])
            if client.established and other is client and not plain:
                client.send(b"hello")
    assert plain == b"hello"


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.booleans(), st.booleans())
def test_garbage_is_an_error_with_a_sentence_and_nothing_else(
    contexts: tuple[TlsServer, TlsClient], garbage: bytes, established: bool, record: bool
) -> None:
    server, client = sides(contexts)
    if established:
        meet(server, client)
    if record:
        garbage = b"\x17\x03\x03" + len(garbage).to_bytes(2, "big") + garbage
    for layer in (server, client):
        try:
            assert layer.receive(garbage) == b""
        except TlsError as error:
            assert layer._peer in str(error)
        layer.send(b"x") if established else None
        layer.end() if established else None
        layer.outgoing()
