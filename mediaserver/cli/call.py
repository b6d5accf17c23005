"""`mediaserver call`."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.console import Console

from mediaserver.cli import call_web
from mediaserver.errors import MediaServerError

if TYPE_CHECKING:
    from mediaserver.load.recording import Samples
    from mediaserver.load.report import CallReport
    from mediaserver.load.script import Step
    from mediaserver.sdp.security import SrtpPolicy

NOT_ANSWERED = 1
WRONG = 2


def call(
    uri: Annotated[
        str,
        typer.Argument(
            help="Whom to call: sip:agent@host:port, ;transport=tcp for TCP; or as a browser: http://host:port/whip/agent."
        ),
    ],
    play: Annotated[
        list[Path] | None, typer.Option(help="WAV file to play; repeat to take turns.", exists=True)
    ] = None,
    say: Annotated[list[str] | None, typer.Option(help="Text to speak, after --play; repeatable.")] = None,
    record: Annotated[Path | None, typer.Option(help="Stereo WAV to write: caller left, callee right.")] = None,
    duration: Annotated[float, typer.Option(min=1, help="Longest call in seconds.")] = 60.0,
    greeting: Annotated[bool, typer.Option(help="Wait for the callee to speak first.")] = True,
    user: Annotated[str | None, typer.Option(help="Digest credentials as user:password.")] = None,
    codec: Annotated[
        str | None, typer.Option(help="PCMU, PCMA, G722, OPUS or L16; PCMU by SIP, OPUS as a browser.")
    ] = None,
    srtp: Annotated[
        str, typer.Option(help="Encrypted media: never, optional (offered), required, or dtls (DTLS-SRTP alone).")
    ] = "never",
    token: Annotated[
        str | None,
        typer.Option(help="As a browser: bearer token; else MEDIASERVER_TOKEN, or one is asked for."),
    ] = None,
    insecure: Annotated[bool, typer.Option(help="As a browser: take any certificate of the server's.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Call somebody over SIP and RTP, or an agent as a browser does: play recordings, speak, take turns, record."""
    import uvloop

    from mediacodecs import registry
    from mediaserver.load.caller import Caller, CallerSettings
    from mediaserver.load.recording import read_wav
    from mediaserver.load.script import Play, Silence, WaitForAnswer

    console = Console(highlight=False, soft_wrap=True)
    codec = codec or ("OPUS" if call_web.is_web(uri) else "PCMU")
    if codec.upper() not in ("PCMU", "PCMA", "G722", "OPUS", "L16"):
        raise typer.BadParameter("must be PCMU, PCMA, G722, OPUS or L16", param_hint="--codec")
    if (missing := registry.unavailable(codec.upper())) is not None:
        raise typer.BadParameter(missing, param_hint="--codec")
    if srtp not in ("never", "optional", "required", "dtls"):
        raise typer.BadParameter("must be never, optional, required or dtls", param_hint="--srtp")
    name, colon, password = (user or "").partition(":")
    if user is not None and not colon:
        raise typer.BadParameter("write user:password", param_hint="--user")
    try:
        turns = [Play(read_wav(path), path.name) for path in play or ()]
    except (OSError, ValueError, EOFError) as error:
        raise typer.BadParameter(str(error), param_hint="--play") from None
    turns += [Play(_voice(text), text) for text in say or ()]
    steps: list[Step] = [WaitForAnswer()] if greeting else []
    for turn in turns:
        steps += [turn, WaitForAnswer()]
    steps.append(Silence(0.3 if turns or greeting else duration))
    watch: Callable[[str], None] = (lambda what: None) if as_json else (lambda what: console.print(f"  {what}"))
    said: Callable[[str], None] = (lambda label: None) if as_json else (lambda label: console.print(f"  > {label}"))
    settings = CallerSettings(
        codecs=(codec.upper(),),
        credentials=(name, password) if user else None,
        srtp="required" if srtp == "dtls" else cast("SrtpPolicy", srtp),
        dtls=srtp == "dtls",
    )
    if call_web.is_web(uri):
        placed = call_web.place(
            uri, steps, codec.upper(), token, verify=not insecure, max_s=duration, watch=watch, said=said
        )
    else:
        placed = Caller(settings, watch=watch, said=said).place(uri, steps, max_s=duration)
    if not as_json:
        console.print(f"  calling {uri}")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            report = runner.run(placed)
    except (MediaServerError, OSError) as error:
        Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(f"{uri}: {error}")
        raise typer.Exit(WRONG) from None
    _show(console, report, record, as_json)
    if not report.answered:
        raise typer.Exit(NOT_ANSWERED)


def _voice(text: str) -> "Samples":
    from mediaproviders.contract import ProviderError

    try:
        from mediaproviders.local.speak import synthesise

        return synthesise(text, 8000)
    except (ImportError, ProviderError) as error:
        raise typer.BadParameter(
            f"speaking needs a voice: pip install 'mediaserver[local]' ({error})", param_hint="--say"
        ) from None


def _show(console: Console, report: "CallReport", record: Path | None, as_json: bool) -> None:
    if record is not None:
        record.parent.mkdir(parents=True, exist_ok=True)
        report.record(record)
    if as_json:
        print(json.dumps(report.to_json(), indent=2))
        return
    if not report.answered:
        console.print(f"Not answered: {report.status or 'no response'} {report.reason}".rstrip())
        return
    shown = report.to_json()
    encrypted = "" if report.srtp is None else f", encrypted ({report.srtp})"
    console.print(
        f"Ended by the {report.ended_by or 'network'} after {report.duration_s:.1f} s on {report.codec}{encrypted}:"
        f" {shown['packets']} packets, {shown['missing']} missing, clock {shown['clock_ms']} ms off"
    )
    if report.dtls_at is not None:
        times = [
            f"{what} {1000 * shown[name]:.0f} ms"
            for what, name in (
                ("answer", "answered_s"),
                ("ICE", "ice_s"),
                ("DTLS", "dtls_s"),
                ("audio", "first_audio_s"),
            )
            if shown[name] is not None
        ]
        console.print(f"After the offer: {', '.join(times)}")
    if record is not None:
        console.print(f"Recorded to {record}")
