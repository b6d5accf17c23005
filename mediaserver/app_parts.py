"""What the parts of a server are set to, as the settings say."""

import structlog

from mediacodecs import registry
from mediacodecs.signal.vad import DetectorPool, DetectorUnavailableError, SileroBatch
from mediaproviders.continuity import ContinuitySettings
from mediaserver.agents.file import Loaded
from mediaserver.agents.provision import Provision
from mediaserver.call.settings import CallSettings
from mediaserver.config import Settings
from mediaserver.errors import ConfigurationError
from mediaserver.rtp.plan import MediaSettings
from mediaserver.sdp.negotiate import Capabilities
from mediaserver.talk.conversation import TalkSettings
from mediaserver.talk.engine import EngineSettings
from mediaserver.talk.ringback import RingTone
from mediaserver.webrtc.patience import Patience


def provision(settings: Settings, loaded: Loaded) -> Provision:
    """What makes the agents of these settings ready."""
    given = settings.continuity
    return Provision(
        settings.providers,
        models=loaded.roster.models,
        continuity=ContinuitySettings(
            lead_s=given.lead_s,
            connection_s=given.session_s,
            delays_s=given.reconnect_delays_s,
            total_s=given.reconnect_total_s,
            # So that the caller is told why, and not only that it took too long.
            open_s=min(10.0, 0.9 * settings.sip.answer_deadline_s),
        ),
    )


def detectors() -> DetectorPool:
    """The detector of our own, loaded before the first call. Raises ConfigurationError."""
    try:
        return DetectorPool(SileroBatch())
    except DetectorUnavailableError as error:
        raise ConfigurationError([f"agent.interruption is 'local': {error}"]) from None


def engine_settings(settings: Settings, patience: Patience) -> EngineSettings:
    """Those of the media plane."""
    return EngineSettings(
        patience=patience,
        media=MediaSettings(
            media_lost_after_s=settings.rtp.silence_timeout_s,
            opus_complexity=None if settings.rtp.opus_complexity == "auto" else settings.rtp.opus_complexity,
            opus_bitrate=settings.rtp.opus_bitrate,
        ),
        talk=TalkSettings(
            receiver_buffer_ms=settings.rtp.receiver_buffer_ms,
        ),
        ringback=RingTone(settings.transfer.ringback_hz, settings.transfer.ringback_ms),
    )


def _codecs(settings: Settings) -> tuple[str, ...]:
    """Those of the configuration that this machine can be had to speak. Raises ConfigurationError if it is none."""
    usable, faults = registry.usable(settings.rtp.codecs)
    if not usable:
        raise ConfigurationError([f"rtp.codecs: {fault}" for fault in faults])
    for fault in faults:
        structlog.get_logger().warning("codec.unavailable", reason=fault)
    return usable


def call_settings(settings: Settings) -> CallSettings:
    """Those of calls. Raises ConfigurationError."""
    outbound, transfer = settings.outbound, settings.transfer
    return CallSettings(
        capabilities=Capabilities(
            codecs=_codecs(settings),
            own_order=settings.rtp.codec_order == "ours",
            comfort_noise=settings.rtp.comfort_noise,
            default_ptime=settings.rtp.ptime_ms,
        ),
        answer_deadline_s=settings.sip.answer_deadline_s,
        max_call_s=settings.limits.max_call_s,
        retry_after_s=settings.sip.retry_after_s,
        early_media=settings.sip.early_media,
        ring_timeout_s=outbound.ring_timeout_s,
        response_timeout_s=outbound.response_timeout_s,
        transfer_timeout_s=transfer.timeout_s,
        transfer_fallback=transfer.fallback,
        transfer_hold=transfer.hold,
        accept_transfers=transfer.accept,
    )
