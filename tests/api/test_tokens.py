"""Tokens: good for one agent, one page, a short while, and no other server's are."""

import base64
import json

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.api.tokens import TokenError, Tokens, same

PAGE = "https://shop.example"


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_token_is_good_until_it_expires() -> None:
    clock = Clock()
    tokens = Tokens("secret", 300.0, clock)
    token = tokens.issue("clinic", PAGE)
    assert token.expires_at == 1_000_300
    clock.now += 299
    grant = tokens.check(token.text, "clinic", PAGE)
    assert (grant.agent, grant.origin, grant.expires_at) == ("clinic", PAGE, 1_000_300)
    clock.now += 1
    with pytest.raises(TokenError, match="expired") as caught:
        tokens.check(token.text, "clinic", PAGE)
    assert caught.value.status == 401


def test_it_never_lasts_longer_than_the_settings_say() -> None:
    tokens = Tokens("secret", 300.0, Clock())
    assert tokens.issue("clinic", ttl_s=60).expires_at == 1_000_060
    assert tokens.issue("clinic", ttl_s=6000).expires_at == 1_000_300


@pytest.mark.parametrize(
    ("bound", "agent", "origin", "why"),
    [
        (PAGE, "sales", PAGE, "for agent 'clinic'"),
        (PAGE, "clinic", "https://evil.example", "comes from https://evil.example"),
        (PAGE, "clinic", None, "comes from no page"),
        (None, "sales", None, "for agent 'clinic'"),
    ],
)
def test_a_token_for_elsewhere(bound: str | None, agent: str, origin: str | None, why: str) -> None:
    tokens = Tokens("secret", 300.0, Clock())
    with pytest.raises(TokenError, match=why) as caught:
        tokens.check(tokens.issue("clinic", bound).text, agent, origin)
    assert caught.value.status == 403


def test_one_without_a_page_is_good_from_any() -> None:
    tokens = Tokens("secret", 300.0, Clock())
    token = tokens.issue("clinic").text
    assert tokens.check(token, "clinic", PAGE) == tokens.check(token, "clinic", None)


def test_servers_take_one_anothers_by_a_common_secret_alone() -> None:
    token = Tokens("secret", 300.0, Clock()).issue("clinic").text
    assert Tokens("secret", 300.0, Clock()).check(token, "clinic", None).agent == "clinic"
    for other in (Tokens("another", 300.0, Clock()), Tokens(None, 300.0, Clock())):
        with pytest.raises(TokenError, match="none of this server's") as caught:
            other.check(token, "clinic", None)
        assert caught.value.status == 401


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_what_is_signed_by_nobody_or_for_something_else() -> None:
    tokens = Tokens("secret", 300.0, Clock())
    claims = {"aud": "mediaserver-call", "sub": "clinic", "exp": 2_000_000_000}
    unsigned = f"{segment({'alg': 'none', 'typ': 'JWT'})}.{segment(claims)}."
    key = tokens._key
    others = [
        jwt.encode(claims | {"aud": "something-else"}, key, "HS256"),
        jwt.encode({"aud": "mediaserver-call", "sub": "clinic"}, key, "HS256"),
        jwt.encode({"aud": "mediaserver-call", "exp": 2_000_000_000}, key, "HS256"),
    ]
    head, body, signature = tokens.issue("clinic").text.split(".")
    forged = f"{head}.{segment(claims | {'sub': 'sales'})}.{signature}"
    for each in (unsigned, *others, forged, f"{head}.{body}.", "", ".", "..", "a.b.c", "x" * 5000, "ä" * 40, "\x00"):
        with pytest.raises(TokenError) as caught:
            tokens.check(each, "clinic", None)
        assert caught.value.status == 401


@given(st.text(max_size=300))
def test_any_text_is_refused_and_nothing_else_happens(text: str) -> None:
    with pytest.raises(TokenError) as caught:
        Tokens("secret", 300.0, Clock()).check(text, "clinic", None)
    assert caught.value.status == 401


def test_secrets_are_compared_whole() -> None:
    assert same("key", "key") and same("schlüssel", "schlüssel")
    assert not same("key", "ke") and not same("", "key") and not same("Key", "key")
