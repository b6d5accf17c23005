"""Callers that are vouched for, by certificates made here, and those that are not."""

import base64
import datetime
import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from mediaserver.call.stir import Verifier, is_signed
from mediaserver.config.stir import Stir
from mediaserver.errors import ConfigurationError
from mediaserver.sip.message import Request, parse
from mediaserver.sip.passport import read_identity
from support.sip_rig import request

NOW = 1_764_077_567
URL = "https://certs.example.com/shaken.pem"
DAY = datetime.timedelta(days=1)
TODAY = datetime.datetime.fromtimestamp(NOW, datetime.UTC)


@dataclass
class Issued:
    """A certificate, its key, and those above it."""

    name: str
    by: "Issued | None" = None
    ca: bool = False
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    days: int = 10

    def __post_init__(self) -> None:
        issuer = self.by or self
        names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each.name)]) for each in (self, issuer)]
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(names[0])
            .issuer_name(names[1])
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(TODAY - 20 * DAY)
            .not_valid_after(TODAY + self.days * DAY)
            .add_extension(x509.BasicConstraints(self.ca, None), critical=True)
            .sign(issuer.key, hashes.SHA256())
        )

    def pem(self, path: Path, *more: "Issued") -> Path:
        path.write_bytes(b"".join(each.certificate.public_bytes(Encoding.PEM) for each in (self, *more)))
        return path

    def sign(self, **changes: object) -> str:
        header = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": URL}
        claims = {"attest": "A", "dest": {"tn": ["4930123"]}, "iat": NOW, "orig": {"tn": "4940777"}, "origid": "x"}
        header |= {name: changes.pop(name) for name in tuple(changes) if name in header}  # type: ignore[misc]
        signed = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(claims | changes).encode())}"
        assert isinstance(self.key, ec.EllipticCurvePrivateKey)
        r, s = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_encoded(r.to_bytes(32) + s.to_bytes(32))};info=<{URL}>;alg=ES256;ppt={header['ppt']}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


ROOT = Issued("root", ca=True)
BETWEEN = Issued("between", ROOT, ca=True)
CARRIER = Issued("carrier", BETWEEN)


def call(
    *identities: str, caller: str = "+49 40 777", called: str = "+4930123", extra: tuple[str, ...] = ()
) -> Request:
    data = request(uri=f"sip:{called}@192.0.2.1", extra=[*(f"Identity: {each}" for each in identities), *extra])
    data = data.replace(b"<sip:caller@example.com>", f"<sip:{caller.replace(' ', '')}@example.com>".encode(), 1)
    message = parse(data)
    assert isinstance(message, Request)
    return message


def verifier(
    tmp_path: Path, chain: tuple[Issued, ...] = (CARRIER,), ca: Issued | None = None, place: str = URL
) -> Verifier:
    first, *more = chain
    return Verifier(
        Stir(
            certificates={place: first.pem(tmp_path / "chain.pem", *more)},
            ca=None if ca is None else ca.pem(tmp_path / "ca.pem"),
        ),
        wall=lambda: NOW + 5.0,
    )


def test_a_caller_that_is_vouched_for(tmp_path: Path) -> None:
    it = verifier(tmp_path)
    assert it.attest(call(CARRIER.sign())) == "passed:A"
    assert it.attest(call(CARRIER.sign(attest="B"))) == "passed:B"
    assert it.attest(call()) == "none"


def test_a_certificate_is_found_by_its_host_too(tmp_path: Path) -> None:
    assert verifier(tmp_path, place="certs.example.com").attest(call(CARRIER.sign())) == "passed:A"
    assert verifier(tmp_path, place="other.example.com").attest(call(CARRIER.sign())) == "not-verified:A"


def test_a_number_that_the_network_asserts_counts_too(tmp_path: Path) -> None:
    asserted = call(CARRIER.sign(), caller="anonymous", extra=("P-Asserted-Identity: <tel:+49-40-777>",))
    assert verifier(tmp_path).attest(asserted) == "passed:A"


def test_nobody_is_vouched_for_but_who_is_told_to_call(tmp_path: Path) -> None:
    own = ("P-Asserted-Identity: <tel:+49-40-777>",)
    it, deceiving = verifier(tmp_path), call(CARRIER.sign(), caller="+49 30 110", extra=own)
    assert it.attest(deceiving) == it.attest(deceiving, "+4930110") == "failed:number"
    assert it.attest(deceiving, "+4940777") == "passed:A", "where the network that asserts it is believed"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"iat": NOW - 100}, "stale"),
        ({"iat": NOW + 100}, "stale"),
        ({"orig": {"tn": "4940778"}}, "number"),
        ({"dest": {"tn": ["4930124"]}}, "number"),
        ({"dest": {}}, "number"),
        ({"alg": "none"}, "algorithm"),
        ({"typ": "JWT"}, "malformed"),
    ],
)
def test_what_fails(changes: dict[str, object], why: str, tmp_path: Path) -> None:
    assert verifier(tmp_path).attest(call(CARRIER.sign(**changes))) == f"failed:{why}"


def test_another_key_or_a_changed_claim_fails(tmp_path: Path) -> None:
    it, stranger = verifier(tmp_path), Issued("carrier")
    assert it.attest(call(stranger.sign())) == "failed:signature"
    header, _, signature = CARRIER.sign(attest="C").partition(";")[0].split(".")
    claims = CARRIER.sign().split(".")[1]
    assert it.attest(call(f"{header}.{claims}.{signature};info=<{URL}>")) == "failed:signature"
    assert it.attest(call(f"{header}.{claims}.c2hvcnQ;info=<{URL}>")) == "failed:signature"


def test_a_certificate_has_to_be_of_an_authority_if_some_are_named(tmp_path: Path) -> None:
    assert verifier(tmp_path, (CARRIER, BETWEEN), ROOT).attest(call(CARRIER.sign())) == "passed:A"
    assert verifier(tmp_path, (CARRIER,), ROOT).attest(call(CARRIER.sign())) == "failed:certificate"
    assert (
        verifier(tmp_path, (CARRIER, BETWEEN), Issued("root", ca=True)).attest(call(CARRIER.sign()))
        == "failed:certificate"
    )
    minor = Issued("minor", ROOT)  # no authority itself
    forged = Issued("forged", minor)
    assert verifier(tmp_path, (forged, minor), ROOT).attest(call(forged.sign())) == "failed:certificate"


def test_a_certificate_that_has_expired(tmp_path: Path) -> None:
    old = Issued("old", days=-1)
    assert verifier(tmp_path, (old,)).attest(call(old.sign())) == "failed:expired"


def test_a_key_of_another_kind(tmp_path: Path) -> None:
    other = Issued("rsa", key=rsa.generate_private_key(65537, 2048))
    assert verifier(tmp_path, (other,)).attest(call(CARRIER.sign())) == "failed:signature"


def test_of_several_the_best_counts_and_diversions_do_not(tmp_path: Path) -> None:
    it = verifier(tmp_path)
    assert it.attest(call(CARRIER.sign(iat=1), CARRIER.sign())) == "passed:A"
    assert it.attest(call(CARRIER.sign(ppt="div"))) == "none"
    assert it.attest(call("rubbish", CARRIER.sign())) == "passed:A"
    assert it.attest(call("rubbish")) == "failed:malformed"


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(ConfigurationError) as caught:
        Verifier(Stir(certificates={"a.example": tmp_path / "empty.pem"}, ca=tmp_path / "missing.pem"))
    assert [fault.partition(":")[0] for fault in caught.value.faults] == [
        "sip.stir.certificates.a.example",
        "sip.stir.ca",
    ]


def test_the_example_of_es256_in_rfc_7515_is_signed_by_its_key() -> None:
    """Appendix A.3: two numbers of 32 octets, one after the other."""
    x, y = (
        int.from_bytes(base64.urlsafe_b64decode(each + "="))
        for each in ("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")
    )
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    signed = (
        b"eyJhbGciOiJFUzI1NiJ9."
        b"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    )
    signature = base64.urlsafe_b64decode(
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q=="
    )
    passport = replace(read_identity(CARRIER.sign()), signed=signed, signature=signature)
    assert is_signed(passport, key)
    assert not is_signed(replace(passport, signed=signed + b"x"), key)


def test_an_address_that_is_none_is_that_of_no_certificate(tmp_path: Path) -> None:
    assert verifier(tmp_path).attest(call(CARRIER.sign(x5u="https://[nonsense/"))) == "not-verified:A"
