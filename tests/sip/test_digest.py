import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.authenticator import DigestAuthenticator, Verdict
from mediaserver.sip.digest import answer, choose, parse_parameters

USERS = {"anna": "s3cret", "zoë": 'pä"ss', "empty": ""}


def authenticator(life: float = 60) -> DigestAuthenticator:
    return DigestAuthenticator('our "realm"', USERS, b"k" * 32, life)


def credentials(
    challenge: str, *, user: str = "anna", password: str = "s3cret", nc: int = 1, uri: str = "sip:h"
) -> str:
    return answer(challenge, "INVITE", uri, user, password, "c0ffee", nc)


def test_the_example_of_rfc_2617() -> None:
    challenge = (
        'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    given = parse_parameters(answer(challenge, "GET", "/dir/index.html", "Mufasa", "Circle Of Life", "0a4f113b", 1))
    assert given["response"] == "6629fae49393a05397450978507c4ef1"
    assert given["opaque"] == "5ccc069c403ebaf9f0171e9517f40e41"
    assert (given["qop"], given["nc"]) == ("auth", "00000001")


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616(algorithm: str, response: str) -> None:
    challenge = (
        f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    given = parse_parameters(answer(challenge, "GET", "/dir/index.html", "Mufasa", "Circle of Life", cnonce, 1))
    assert given["response"] == response
    assert given["algorithm"] == algorithm


def test_the_shortened_sha512_and_the_session_variant_are_answered() -> None:
    for algorithm, length in (("SHA-512-256", 64), ("MD5-sess", 32), ("SHA-256-sess", 64)):
        challenge = f'Digest realm="r", nonce="n", algorithm={algorithm}, qop="auth"'
        assert len(parse_parameters(credentials(challenge))["response"]) == length
        assert credentials(challenge) != credentials(challenge.replace("-sess", "")) or "sess" not in algorithm


def test_the_right_password_opens_with_either_algorithm() -> None:
    asks = authenticator()
    for which in (0, 1):
        challenge = asks.challenge(10.0)[which]
        assert asks.verify("INVITE", credentials(challenge), 11.0) is Verdict.OK
    assert ["SHA-256" in asks.challenge(0.0)[0], "MD5" in asks.challenge(0.0)[1]] == [True, True]


def test_names_and_passwords_of_any_characters() -> None:
    asks = authenticator()
    challenge = asks.challenge(0.0)[0]
    assert asks.verify("INVITE", credentials(challenge, user="zoë", password='pä"ss'), 0.0) is Verdict.OK
    assert asks.verify("INVITE", credentials(challenge, user="empty", password="", nc=2), 0.0) is Verdict.OK


def test_what_is_refused() -> None:
    asks = authenticator()
    challenge = asks.challenge(0.0)[0]
    good = credentials(challenge)
    assert asks.verify("BYE", good, 0.0) is Verdict.REFUSED, "signed for another method"
    assert asks.verify("INVITE", credentials(challenge, password="wrong"), 0.0) is Verdict.REFUSED
    assert asks.verify("INVITE", credentials(challenge, user="nobody"), 0.0) is Verdict.REFUSED
    assert asks.verify("INVITE", credentials(challenge, user="nobody", password=""), 0.0) is Verdict.REFUSED
    assert asks.verify("INVITE", credentials(challenge.replace("our", "their")), 0.0) is Verdict.REFUSED
    assert asks.verify("INVITE", good.replace('uri="sip:h"', 'uri="sip:x"'), 0.0) is Verdict.REFUSED
    assert asks.verify("INVITE", good.replace("nc=00000001", "nc=00000002"), 0.0) is Verdict.REFUSED
    assert asks.verify("INVITE", good.replace("SHA-256", "MD5"), 0.0) is Verdict.REFUSED
    assert asks.verify("INVITE", good.replace("SHA-256", "SHA-512-256"), 0.0) is Verdict.REFUSED
    assert asks.verify("INVITE", good.replace("qop=auth", "qop=auth-int"), 0.0) is Verdict.REFUSED
    assert asks.verify("INVITE", good.replace("response=", "reply="), 0.0) is Verdict.REFUSED
    assert asks.verify("INVITE", "NoOneKnowsThisScheme opaque-data=here", 0.0) is Verdict.REFUSED
    assert asks.verify("INVITE", good, 0.0) is Verdict.OK, "none of these used the nonce up"


def test_an_old_nonce_is_stale_and_not_wrong() -> None:
    asks = authenticator(life=60)
    good = credentials(asks.challenge(100.0)[0])
    assert asks.verify("INVITE", good, 161.0) is Verdict.STALE
    assert asks.verify("INVITE", credentials(asks.challenge(100.0)[0], password="wrong"), 161.0) is Verdict.REFUSED
    assert asks.verify("INVITE", good, 159.0) is Verdict.OK
    assert all("stale=true" in challenge for challenge in asks.challenge(0.0, stale=True))
    assert "stale" not in asks.challenge(0.0)[0]


def test_a_nonce_that_is_not_ours_is_stale() -> None:
    asks = authenticator()
    other = DigestAuthenticator('our "realm"', USERS, b"another secret")
    assert asks.verify("INVITE", credentials(other.challenge(0.0)[0]), 0.0) is Verdict.STALE
    challenge = asks.challenge(50.0)[0]
    nonce = parse_parameters(challenge)["nonce"]
    later = challenge.replace(nonce, f"{int(nonce[:12], 16) + 1000:012x}{nonce[12:]}")
    assert asks.verify("INVITE", credentials(later), 51.0) is Verdict.STALE, "a time that was not signed"
    assert asks.verify("INVITE", credentials(challenge.replace(nonce, "ñ")), 51.0) is Verdict.STALE


def test_a_count_serves_once() -> None:
    asks = authenticator()
    challenge = asks.challenge(0.0)[0]
    assert asks.verify("INVITE", credentials(challenge, nc=1), 0.0) is Verdict.OK
    assert asks.verify("INVITE", credentials(challenge, nc=1), 0.0) is Verdict.STALE
    assert asks.verify("INVITE", credentials(challenge, nc=3), 0.0) is Verdict.OK
    assert asks.verify("INVITE", credentials(challenge, nc=2), 0.0) is Verdict.STALE
    assert asks.verify("INVITE", credentials(asks.challenge(0.0)[0], nc=1), 0.0) is Verdict.OK, (
        "same instant, new nonce"
    )


def test_without_qop_a_nonce_serves_once() -> None:
    asks = authenticator()
    challenge = asks.challenge(0.0)[1].replace(', qop="auth"', "")
    old_style = credentials(challenge)
    assert "nc=" not in old_style and "cnonce" not in old_style
    assert asks.verify("INVITE", old_style, 0.0) is Verdict.OK
    assert asks.verify("INVITE", old_style, 0.0) is Verdict.STALE


def test_used_nonces_are_forgotten_when_they_expire() -> None:
    asks = authenticator(life=60)
    first = credentials(asks.challenge(0.0)[0])
    assert asks.verify("INVITE", first, 0.0) is Verdict.OK
    for second in range(1, 400):
        fresh = credentials(asks.challenge(float(second))[0])
        assert asks.verify("INVITE", fresh, float(second)) is Verdict.OK
    assert len(asks._nonces) < 200
    assert asks.verify("INVITE", first, 400.0) is Verdict.STALE, "forgotten, but expired"


def test_choosing_among_challenges() -> None:
    known = 'Digest realm="r", nonce="n", algorithm=MD5'
    challenges = [
        "Basic realm=x",
        'Digest realm="r", nonce="n", algorithm=NOVEL',
        'Digest realm="r", nonce="n", qop="novel"',
        'Digest realm="r"',
        known,
    ]
    assert choose(challenges) == [known]
    assert not choose(challenges[:-1])
    for challenge in challenges[:-1]:
        with pytest.raises(RemoteProtocolError):
            credentials(challenge)


def test_auth_int_covers_the_body() -> None:
    challenge = 'Digest realm="r", nonce="n", qop="auth-int"'
    one = answer(challenge, "INVITE", "sip:h", "u", "p", "c", 1, b"v=0")
    other = answer(challenge, "INVITE", "sip:h", "u", "p", "c", 1, b"v=1")
    assert "qop=auth-int" in one and one != other


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet='Digest realm="our",nonce=\\ uríesponcq\udcff012', max_size=80))
def test_credentials_of_any_shape_get_a_verdict(text: str) -> None:
    asks = authenticator()
    assert asks.verify("INVITE", text, 0.0) is Verdict.REFUSED
    assert asks.verify("INVITE", f"Digest {text}", 0.0) is Verdict.REFUSED
    shaped = f'Digest username="{text}", realm="our \\"realm\\"", nonce="{text}", uri="{text}", response="{text}"'
    assert asks.verify("INVITE", shaped, 0.0) is not Verdict.OK
