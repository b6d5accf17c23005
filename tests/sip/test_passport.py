"""PASSporTs as RFC 8225 shows them, and as they should not be."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.passport import canonical, read_identity

RFC_8225 = (
    "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9."
    "eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6MTQ3MTM3NTQxOCwib3JpZyI6eyJ0biI6IjEyMTU1NTUxMjEy"
    "In19.VLBCIVDCaeK6M4hLJb6SHQvacAQVvoiiEOWQ_iUkqk79UD81fHQ0E1b3_GluIkba7UWYRM47ZbNFdOJquE35cw"
)
"""Appendix A."""
HEADER = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": "https://certs.example.com/s.pem"}
CLAIMS = {
    "attest": "A",
    "dest": {"tn": ["12125551213"]},
    "iat": 1_764_077_567,
    "orig": {"tn": "+1 (215) 555-1212"},
    "origid": "123e4567-e89b-12d3-a456-426655440000",
}


def encoded(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def token(header: object = HEADER, claims: object = CLAIMS, signature: str = "c2ln") -> str:
    return (
        f"{encoded(header)}.{encoded(claims)}.{signature};info=<https://certs.example.com/s.pem>;alg=ES256;ppt=shaken"
    )


def test_the_example_of_the_rfc() -> None:
    found = read_identity(f"{RFC_8225};info=<https://cert.example.org/passport.cer>")
    assert (found.algorithm, found.kind, found.attest) == ("ES256", "", "")
    assert found.x5u == "https://cert.example.org/passport.cer"
    assert (found.origin, found.destinations) == ("12155551212", ("sip:alice@example.com",))
    assert found.issued_at == 1_471_375_418 and len(found.signature) == 64


def test_shaken_says_how_far_the_caller_is_vouched_for() -> None:
    found = read_identity(token())
    assert (found.kind, found.attest, found.origid) == ("shaken", "A", CLAIMS["origid"])
    assert (found.origin, found.destinations) == ("12155551212", ("12125551213",))


@pytest.mark.parametrize(
    "value",
    [
        "",
        "..c2ln;info=<https://x>",
        "a.b",
        "a.b.c",
        token("no JSON"),
        token([1]),
        token(HEADER | {"typ": "JWT"}),
        token(HEADER | {"ppt": "div"}),
        token(claims=CLAIMS | {"orig": "12155551212"}),
        token(claims=CLAIMS | {"iat": "1764077567"}),
        token(claims=CLAIMS | {"iat": True}),
        token(claims={"orig": {}}),
        token(signature="c2ln="),
        token(claims=CLAIMS | {"origid": "x" * 9000}),
        "[" * 50 + token(),
        f"{encoded('[' * 5000)}.{encoded(CLAIMS)}.c2ln",
        token() + ";alg=ES256",
    ],
)
def test_what_is_none(value: str) -> None:
    with pytest.raises(RemoteProtocolError):
        read_identity(value)


def test_claims_of_odd_kinds_are_left_out() -> None:
    found = read_identity(
        token(claims=CLAIMS | {"dest": {"tn": [7, "1"], "uri": "sip:a@b"}, "attest": "Z", "origid": 5})
    )
    assert (found.destinations, found.attest, found.origid) == (("1", "sip:a@b"), "", "")


@pytest.mark.parametrize(
    ("number", "digits"), [("+1-215-555-1212", "12155551212"), ("(0)30.1", "0301"), ("anna", "anna"), ("+", "+")]
)
def test_numbers_are_compared_as_digits(number: str, digits: str) -> None:
    assert canonical(number) == digits


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(value: str) -> None:
    with pytest.raises(RemoteProtocolError):
        read_identity(value)
