"""What a response costs, in tokens that add up."""

from typing import Any


def usage(read: tuple[int, int, int], said: tuple[int, int]) -> dict[str, Any]:
    """The `usage` of a response. `read`: text, audio, and how many of both were cached; `said`: text and audio."""
    text_in, audio_in, cached = read
    text_out, audio_out = said
    cached_audio = min(cached, audio_in)
    cached_details = {"text_tokens": cached - cached_audio, "audio_tokens": cached_audio, "image_tokens": 0}
    return {
        "total_tokens": text_in + audio_in + text_out + audio_out,
        "input_tokens": text_in + audio_in,
        "output_tokens": text_out + audio_out,
        "input_token_details": {
            "text_tokens": text_in,
            "audio_tokens": audio_in,
            "image_tokens": 0,
            "cached_tokens": cached,
            "cached_tokens_details": cached_details,
        },
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }
