"""What a digest server asks, whom it believes and for how long (RFC 7616, 8760)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.sip.authenticator import DigestAuthenticator, Hashed, Verdict
from mediaserver.sip.digest import answer, answer_again, choose, hash_of, parse_parameters, secret_of
from mediaserver.sip.message import Request, parse
from mediaserver.sip.nonces import Nonces
from support.sip_rig import request

ALGORITHMS = ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"]


def given_to(challenge: str, user: str = "anna", password: str = "s3cret", nc: int = 1, body: bytes = b"") -> str:
    return answer(challenge, "INVITE", "sip:h", user, password, "c0ffee", nc, body)


def test_the_example_of_rfc_7616_with_a_hashed_name() -> None:
    """Section 3.9.2 as corrected by erratum 4897: the hashes printed there are of another algorithm."""
    user, realm = "J\u00e4s\u00f8n Doe", "api@example.org"
    nonce, cnonce = "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v"
    challenge = f'Digest realm="{realm}", qop="auth", algorithm=SHA-512-256, nonce="{nonce}", userhash=true'
    value = answer(challenge, "GET", "/doe.json", user, "Secret, or not?", cnonce, 1)
    assert parse_parameters(value)["response"] == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    hashed = "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    assert hash_of("SHA-512-256", user, realm) == hashed


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("qop", [("auth",), ("auth-int",), ("auth", "auth-int")])
def test_every_algorithm_and_protection(algorithm: str, qop: tuple[str, ...]) -> None:
    guard = DigestAuthenticator("r", {"anna": "s3cret"}, b"k", algorithms=[algorithm], qop=qop)
    (challenge,) = guard.challenge(5.0)
    assert f"algorithm={algorithm}" in challenge
    value = given_to(challenge, body=b"v=0")
    assert guard.verify("INVITE", given_to(challenge, password="wrong", body=b"v=0"), 5.0, b"v=0") is Verdict.REFUSED
    if qop == ("auth-int",):
        assert guard.verify("INVITE", value, 5.0, b"v=1") is Verdict.REFUSED, "the body is covered"
    assert guard.verify("INVITE", value, 5.0, b"v=0") is Verdict.OK


def test_a_session_needs_its_protection() -> None:
    guard = DigestAuthenticator("r", {"anna": "s3cret"}, b"k", algorithms=["MD5-sess"])
    (challenge,) = guard.challenge(5.0)
    assert guard.verify("INVITE", given_to(challenge.replace(', qop="auth"', "")), 5.0) is Verdict.REFUSED


def test_passwords_kept_as_hashes() -> None:
    hashes = {name: secret_of(name, "anna", "r", "s3cret") for name in ("MD5", "SHA-256")}
    guard = DigestAuthenticator(
        "r", {"anna": Hashed(hashes)}, b"k", algorithms=["SHA-512-256", "SHA-256", "SHA-256-sess", "MD5"]
    )
    assert [guard.verify("INVITE", given_to(challenge), 1.0) for challenge in guard.challenge(1.0)] == [
        Verdict.REFUSED,
        Verdict.OK,
        Verdict.STALE,
        Verdict.STALE,
    ], "none for SHA-512-256; the others share a nonce, whose first use is the one that counts"
    assert guard.verify("INVITE", given_to(guard.challenge(1.0)[2]), 1.0) is Verdict.OK
    assert guard.verify("INVITE", given_to(guard.challenge(1.0)[1], password=""), 1.0) is Verdict.REFUSED


def test_a_user_may_hide_or_spell_out_his_name() -> None:
    guard = DigestAuthenticator("r", {"zoë": "s3cret"}, b"k", algorithms=["SHA-256"])

    def named(name: str) -> Verdict:
        value = given_to(guard.challenge(1.0)[0], user="zoë")
        return guard.verify("INVITE", value.replace('username="zoë"', name), 1.0)

    assert named(f'username="{hash_of("SHA-256", "zoë", "r")}", userhash=true') is Verdict.OK
    assert named(f'username="{hash_of("SHA-256", "zoë", "r")}"') is Verdict.REFUSED
    assert named(f'username="{hash_of("SHA-256", "anna", "r")}", userhash=true') is Verdict.REFUSED
    assert named('username="zoë", userhash=false') is Verdict.OK
    assert named("username*=UTF-8''zo%C3%AB") is Verdict.OK
    assert named("username*=ISO-8859-1''zo%EB") is Verdict.REFUSED
    assert named('realm2="r"') is Verdict.REFUSED


def test_whom_a_request_proves() -> None:
    guard = DigestAuthenticator("ours", {"anna": "s3cret"}, b"k")
    other = DigestAuthenticator("theirs", {"anna": "s3cret"}, b"k")

    def with_fields(*fields: str) -> Request:
        message = parse(request(extra=fields))
        assert isinstance(message, Request)
        return message

    good, foreign = given_to(guard.challenge(1.0)[0]), given_to(other.challenge(1.0)[0])
    late = given_to(guard.challenge(1.0)[0])
    both = with_fields(f"Authorization: {foreign}", f"Authorization: {good}")
    assert guard.judge(both, 1.0) == (Verdict.OK, "anna")
    assert guard.judge(both, 1.0) == (Verdict.STALE, None), "a replay"
    assert guard.judge(with_fields(f"Authorization: {foreign}"), 1.0) == (Verdict.REFUSED, None)
    assert guard.judge(with_fields(), 1.0) == (Verdict.REFUSED, None)
    to_proxy = with_fields(f"Proxy-Authorization: {late}")
    assert guard.judge(to_proxy, 1.0) == (Verdict.REFUSED, None)
    assert guard.judge(to_proxy, 1.0, proxy=True) == (Verdict.OK, "anna")


def test_a_nonce_serves_only_whom_it_was_given_to() -> None:
    guard = DigestAuthenticator("r", {"anna": "s"}, b"k")

    def sent(challenge: str, password: str = "s") -> Request:
        message = parse(request(extra=[f"Authorization: {given_to(challenge, password=password)}"]))
        assert isinstance(message, Request)
        return message

    challenge = guard.challenge(1.0, source="192.0.2.1")[0]
    for password in ("s", "guess"):  # alike: else one could guess without failing
        elsewhere = sent(challenge, password)
        assert guard.judge(elsewhere, 1.0, source="192.0.2.2") == (Verdict.STALE, None)
        assert not guard.was_asked(elsewhere, "192.0.2.2")
    wrong = sent(challenge, "guess")
    assert guard.judge(wrong, 1.0, source="192.0.2.1") == (Verdict.REFUSED, None)
    assert guard.was_asked(wrong, "192.0.2.1")
    assert guard.judge(sent(challenge), 1.0, source="192.0.2.1") == (Verdict.OK, "anna")
    nothing = parse(request(extra=["Authorization: Digest realm"]))
    assert isinstance(nothing, Request) and not guard.was_asked(nothing, "192.0.2.1")


def test_the_strongest_of_each_realm_is_answered() -> None:
    def challenge(realm: str, algorithm: str) -> str:
        return f'Digest realm="{realm}", nonce="n", algorithm={algorithm}, qop="auth"'

    offered = [challenge("a", "MD5"), challenge("b", "md5"), challenge("a", "SHA-256"), challenge("a", "SHA-256-sess")]
    assert choose(offered) == [challenge("a", "SHA-256"), challenge("b", "md5")]
    assert choose([challenge("a", "SHA-256"), challenge("a", "SHA-512-256")]) == [challenge("a", "SHA-512-256")]


def test_a_nonce_serves_again_with_the_next_count() -> None:
    guard = DigestAuthenticator("r", {"anna": "s3cret"}, b"k")
    value = given_to(guard.challenge(1.0)[0])
    assert guard.verify("INVITE", value, 1.0) is Verdict.OK
    for _ in range(3):
        value = answer_again(value, "INVITE", "sip:h", "s3cret", "other")
        assert guard.verify("INVITE", value, 1.0) is Verdict.OK
    assert parse_parameters(value)["nc"] == "00000004"
    old_style = given_to(guard.challenge(1.0)[1].replace(', qop="auth"', ""))
    assert answer_again(old_style, "INVITE", "sip:h", "s3cret", "other") == old_style


# Nonces


def test_of_too_many_nonces_the_oldest_are_forgotten_and_stay_used() -> None:
    nonces = Nonces(b"k", "r", life_s=1000, limit=10)
    issued = [nonces.issue(float(second)) for second in range(30)]
    for second, nonce in enumerate(issued):
        assert nonces.use(nonce, 1, float(second))
    assert len(nonces) == 10
    assert not any(nonces.use(nonce, count, 30.0) for nonce in issued[:20] for count in (1, 2))
    assert all(nonces.use(nonce, 2, 30.0) for nonce in issued[20:])
    unused = [nonces.issue(30.0), nonces.issue(30.0)]
    assert all(nonces.use(nonce, 1, 31.0) for nonce in unused)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 14), st.integers(1, 4), st.integers(0, 3)), max_size=60))
def test_no_count_of_a_nonce_is_ever_good_twice(uses: list[tuple[int, int, int]]) -> None:
    nonces = Nonces(b"k", "r", life_s=20, limit=5)
    now, issued = 0.0, []
    good: dict[tuple[str, int], int] = {}
    for which, count, pause in uses:
        now += pause
        issued.append(nonces.issue(now))
        nonce = issued[which % len(issued)]
        if nonces.use(nonce, count, now):
            assert (nonce, count) not in good
            good[nonce, count] = 1
        assert len(nonces) <= 5
