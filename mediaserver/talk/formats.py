"""Which of the formats a model takes suits a leg."""

from mediacodecs import g711, registry
from mediaproviders.contract import PCMA, PCMU, AudioFormat


def nearest(codec: str, formats: tuple[AudioFormat, ...]) -> AudioFormat:
    """What is lost least of, of `formats`, by the leg's codec (its SDP name, or its name in the registry).

    G.711 passes as it is if the model takes it; else it gets what the model wants most. A codec of a wider band gets
    linear samples at its own rate, or the next higher one, or the highest there is: it never goes through 8 kHz.
    """
    if codec in g711.CODECS:
        own = PCMA if codec == "PCMA" else PCMU
        return own if own in formats else formats[0]
    rate = registry.spec(codec).sample_rate
    linear = sorted((form for form in formats if form.encoding == "pcm16"), key=lambda form: form.rate)
    enough = [form for form in linear if form.rate >= rate]
    return next(iter([*enough, *reversed(linear), *formats]))
