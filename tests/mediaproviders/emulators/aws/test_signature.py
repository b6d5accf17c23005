"""Signatures of requests and events: made by the SDK's own signer, verified here, and refused when anything differs."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from aws_sdk_signers import URI, AsyncSigV4Signer, AWSCredentialIdentity, AWSRequest, Field, Fields
from aws_sdk_signers.signers import AsyncEventSigner
from smithy_aws_event_stream.events import EventHeaderEncoder, EventMessage

from mediaproviders.emulators.aws import ANYONE, Intake, Refusal, Secret, encode_event, verify
from mediaproviders.emulators.aws.framing import encode
from mediaproviders.emulators.aws.signature import STREAMING

TARGET = "/model/amazon.nova-2-sonic-v1%3A0/invoke"
PROPERTIES = {"region": "eu-north-1", "service": "bedrock"}


def identity(token=None, secret="secret-AKIAX"):
    return AWSCredentialIdentity(access_key_id="AKIAX", secret_access_key=secret, session_token=token)


async def request(identity=None, *, target=TARGET, properties=PROPERTIES):
    path, _, query = target.partition("?")
    unsigned = AWSRequest(
        method="POST",
        destination=URI(scheme="https", host="localhost", port=4430, path=path, query=query or None),
        body=None,
        fields=Fields(
            [
                Field(name="content-type", values=["application/vnd.amazon.eventstream"]),
                Field(name="x-amz-content-sha256", values=[STREAMING]),
            ]
        ),
    )
    signed = await AsyncSigV4Signer().sign(properties=properties, request=unsigned, identity=identity or _identity())
    headers = {field.name.lower(): field.as_string() for field in signed.fields}
    return {**headers, "host": "localhost:4430"}


def _identity():
    return identity()


def check(headers, keys=ANYONE, *, method="POST", target=TARGET, service="bedrock", now=None):
    return verify(method, target, headers, keys, service=service, now=now or time.time())


async def test_a_request_signed_rightly():
    signed = check(await request())
    assert (signed.access_key, signed.region, signed.service) == ("AKIAX", "eu-north-1", "bedrock")
    with_query = TARGET + "?b=2&a=1"
    check(await request(target=with_query), target=with_query)
    token = lambda key: Secret("secret-AKIAX", "token")  # noqa: E731
    check(await request(identity("token")), token)


def refused(kind, headers, *arguments, **options):
    with pytest.raises(Refusal) as refusal:
        check(headers, *arguments, **options)
    assert (refusal.value.status, refusal.value.kind) == (403, kind)


async def test_requests_signed_wrongly():
    good = await request()
    wrong = "InvalidSignatureException"
    refused(wrong, await request(identity(secret="another")))
    refused(wrong, good, method="GET")
    refused(wrong, good, target=TARGET + "x")
    refused(wrong, {**good, "content-type": "text/plain"})
    refused(wrong, {name: value for name, value in good.items() if name != "content-type"})
    refused(wrong, good, service="transcribe")
    refused(wrong, good, now=time.time() + 400)
    refused(wrong, {**good, "x-amz-date": "20200101T000000Z"})
    unsigned_host = good["authorization"].replace("host;", "")
    refused(wrong, {**good, "authorization": unsigned_host})
    refused("UnrecognizedClientException", good, lambda key: None)
    refused("UnrecognizedClientException", good, lambda key: Secret("secret-AKIAX", "token"))
    refused("UnrecognizedClientException", {**good, "x-amz-security-token": "forged"})
    refused("ExpiredTokenException", good, lambda key: Secret("secret-AKIAX", expires_at=time.time() - 1))
    refused("MissingAuthenticationTokenException", {})
    refused("IncompleteSignatureException", {**good, "authorization": "Bearer x"})
    refused("IncompleteSignatureException", {**good, "authorization": good["authorization"].partition(", Sig")[0]})
    refused("IncompleteSignatureException", {**good, "x-amz-date": "today"})


class Sender:
    """Signs events as the SDK does."""

    def __init__(self, signed, who=None):
        self.signer = AsyncEventSigner(
            initial_signature=signed.signature.encode(), event_encoder_cls=EventHeaderEncoder
        )
        self.who = who or identity()

    async def event(self, payload, kind="chunk", framed=None):
        headers = {":message-type": "event", ":event-type": kind, ":content-type": "application/json"}
        message = EventMessage(headers=headers, payload=payload)
        signed = await self.signer.sign(event=message, identity=self.who, properties=PROPERTIES)
        return signed.encode()

    async def end(self):
        signed = await self.signer.sign_empty(event=EventMessage(), identity=self.who, properties=PROPERTIES)
        return signed.encode()


async def test_a_chain_of_events():
    signed = check(await request())
    sender, intake = Sender(signed), Intake(signed)
    body = await sender.event(b"one") + await sender.event(b"two", "other") + await sender.end()
    events = [
        event for start in range(0, len(body), 50) for event in intake.feed(body[start : start + 50], time.time())
    ]
    assert [(event.kind, event.payload) for event in events] == [("chunk", b"one"), ("other", b"two")]
    assert events[0].content_type == "application/json"
    intake.finish()
    with pytest.raises(Refusal, match="follow the end"):
        list(intake.feed(encode({}, b""), time.time()))


def breaks(intake, framed, match, now=None):
    with pytest.raises(Refusal, match=match):
        list(intake.feed(framed, now or time.time()))


async def test_chains_that_break():
    signed = check(await request())
    sender = Sender(signed)
    first, second = await sender.event(b"one"), await sender.event(b"two")
    breaks(Intake(signed), second, "signature we calculated")
    again = Intake(signed)
    assert len(list(again.feed(first, time.time()))) == 1
    breaks(again, first, "signature we calculated")
    breaks(Intake(signed), await Sender(signed, identity(secret="another")).event(b"one"), "signature we calculated")
    breaks(Intake(signed), first, "too far", time.time() + 400)
    breaks(Intake(signed), encode_event("chunk", b"bare"), ":chunk-signature alone")
    breaks(Intake(signed), b"\x00" * 64, "Invalid event stream message")
    headers = {":date": datetime.now(UTC) + timedelta(0), ":chunk-signature": b"x" * 32}
    breaks(Intake(signed), encode(headers, b""), "signature we calculated")


async def test_what_an_event_carries_is_a_message():
    signed = check(await request())
    for payload, match in ((b"no message", "bytes where one message"), (encode({}, b"x"), "events alone")):
        sender = Sender(signed)
        message = EventMessage()
        framed = await sender.signer._sign_payload(
            event=message, payload=payload, identity=sender.who, properties=PROPERTIES
        )
        breaks(Intake(signed), framed.encode(), match)


async def test_credentials_that_run_out_under_way():
    keys = lambda key: Secret("secret-AKIAX", expires_at=time.time() + 100)  # noqa: E731
    signed = check(await request(), keys)
    breaks(Intake(signed), await Sender(signed).event(b"one"), "expired", time.time() + 101)


async def test_a_body_that_breaks_off():
    signed = check(await request())
    intake = Intake(signed)
    framed = await Sender(signed).event(b"one")
    list(intake.feed(framed[:-3], time.time()))
    with pytest.raises(Refusal, match="without its signed end"):
        intake.finish()
