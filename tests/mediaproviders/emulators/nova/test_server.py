"""The emulator on its socket, driven by the SDK as it is; what the SDK would never send is put into its stream."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from aws_sdk_bedrock_runtime.client import AsyncBedrockRuntimeClient
from aws_sdk_bedrock_runtime.config import AsyncBedrockRuntimeConfig
from aws_sdk_bedrock_runtime.models import (
    BidirectionalInputPayloadPart,
    InvokeModelWithBidirectionalStreamInputChunk,
    InvokeModelWithBidirectionalStreamOperationInput,
    ValidationException,
)
from smithy_aws_event_stream.exceptions import UnmodeledEventError
from smithy_core.exceptions import CallError

from mediaproviders.aws.transport import Transport
from mediaproviders.emulators.nova import Fault, NovaEmulator, NovaSettings

MODEL = "amazon.nova-2-sonic-v1:0"
START = {"sessionStart": {"inferenceConfiguration": {"maxTokens": 1024, "topP": 0.9, "temperature": 0.7}}}


def chunk(event):
    payload = BidirectionalInputPayloadPart(bytes_=json.dumps({"event": event}).encode())
    return InvokeModelWithBidirectionalStreamInputChunk(value=payload)


@asynccontextmanager
async def opened(emulator, model=MODEL, endpoint=None):
    """A stream of the SDK's, with its own serialiser."""
    transport = Transport(str(emulator.certificates.authority))
    config = await AsyncBedrockRuntimeConfig.resolve(
        region="eu-north-1",
        endpoint_uri=endpoint or emulator.url,
        transport=transport,
        aws_access_key_id="AKIATEST",
        aws_secret_access_key="secret-AKIATEST",
    )
    stream = await AsyncBedrockRuntimeClient(config=config).invoke_model_with_bidirectional_stream(
        InvokeModelWithBidirectionalStreamOperationInput(model_id=model)
    )
    try:
        async with asyncio.timeout(10):
            yield stream
    finally:
        await transport.close()


async def test_the_sdk_as_it_is():
    async with NovaEmulator() as emulator, opened(emulator) as stream:
        await stream.input_stream.send(chunk(START))
        _, output = await stream.await_output()
        await stream.input_stream.send(chunk({"sessionEnd": {}}))
        with pytest.raises(ValidationException, match="sessionEnd is not expected"):
            await output.receive()
        assert await output.receive() is None


async def broken(spoil):
    """What the service says of a stream after `spoil` has had its way with it."""
    async with NovaEmulator() as emulator, opened(emulator) as stream:
        await stream.input_stream.send(chunk(START))
        _, output = await stream.await_output()
        await spoil(stream.input_stream)
        with pytest.raises((ValidationException, UnmodeledEventError)) as refusal:
            await output.receive()
    (session,) = emulator.sessions
    assert session.of("refused")
    assert session.of("closed")
    return refusal.value.message


async def test_bodies_that_are_broken():
    async def garbage(events):
        await events._writer.write(bytes(64))

    assert "Invalid event stream message" in await broken(garbage)

    async def twice(events):
        written, write = [], events._writer.write

        async def keep(data):
            written.append(data)
            await write(data)

        events._writer.write = keep
        await events.send(chunk({"promptEnd": {}}))
        await write(written[0])

    # The one sent twice was wrong by itself.
    assert "promptEnd" in await broken(twice)

    async def forged(events):
        events._signing_config.signer._prior_signature = b"0" * 64
        await events.send(chunk(START))

    assert "event signature we calculated" in await broken(forged)

    async def skewed(events):
        events._signing_config.signing_properties["region"] = "us-east-1"
        await events.send(chunk(START))

    assert "event signature we calculated" in await broken(skewed)

    async def cut(events):
        await events._writer.close()

    assert "without its signed end" in await broken(cut)

    async def early(events):
        await events.close()

    assert "ended before sessionEnd" in await broken(early)


async def test_the_answer_waits_for_the_first_event():
    async with NovaEmulator() as emulator, opened(emulator) as stream:
        waiting = asyncio.ensure_future(stream.await_output())
        done, _ = await asyncio.wait((waiting,), timeout=0.2)
        assert not done
        await stream.input_stream.send(chunk(START))
        await waiting


async def test_a_first_event_that_is_not_signed_rightly():
    async with NovaEmulator() as emulator, opened(emulator) as stream:
        stream.input_stream._signing_config.signer._prior_signature = b"0" * 64
        await stream.input_stream.send(chunk(START))
        with pytest.raises(CallError, match="InvalidSignatureException"):
            await stream.await_output()


async def test_places_and_models_that_are_not_there():
    async with NovaEmulator() as emulator:
        async with opened(emulator, endpoint=emulator.url + "/elsewhere") as stream:
            with pytest.raises(CallError, match="404"):
                await stream.await_output()
        async with opened(emulator, "amazon.titan") as stream:
            with pytest.raises(ValidationException, match="model identifier is invalid"):
                await stream.await_output()
        assert emulator.sessions == ()


async def test_the_quota_is_given_back():
    async with NovaEmulator(NovaSettings(sessions_at_once=1)) as emulator:
        for _ in range(3):
            async with opened(emulator) as stream:
                await stream.input_stream.send(chunk(START))
                _, output = await stream.await_output()
                await stream.input_stream.send(chunk(START))
                with pytest.raises(ValidationException):
                    await output.receive()
                assert await output.receive() is None
                await stream.input_stream.close()


async def test_the_timeline_in_a_file(tmp_path):
    entries = []
    path = tmp_path / "timeline.jsonl"
    settings = NovaSettings(timeline_path=path, record=entries.append, faults=(Fault("end", at_s=0.05),))
    async with NovaEmulator(settings) as emulator, opened(emulator) as stream:
        await stream.input_stream.send(chunk(START))
        _, output = await stream.await_output()
        assert await output.receive() is None
    kinds = [json.loads(line)["kind"] for line in path.read_text().splitlines()]
    assert kinds == [entry["kind"] for entry in entries] == ["session", "fault", "closed"]


async def test_only_while_it_is_entered():
    emulator = NovaEmulator()
    for read in (lambda: emulator.port, lambda: emulator.certificates):
        with pytest.raises(RuntimeError):
            read()
    with pytest.raises(RuntimeError):
        await emulator.serve_forever()
    async with emulator:
        serving = asyncio.create_task(emulator.serve_forever())
        await asyncio.sleep(0)
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
