"""What the caller has heard of an item: what was sent, less what is still under way to the ear."""


def heard_ms(sent_ms: float, received_ms: float, rtt_ms: float | None, receiver_buffer_ms: float) -> int:
    """Milliseconds of an item the caller heard.

    `sent_ms` of it have gone out and the provider delivered `received_ms`; half the round trip (when RTCP tells) and
    the receiver's buffer are still on the way. Never more than the provider sent, which a truncation must not exceed.
    """
    on_the_way = (rtt_ms or 0.0) / 2 + receiver_buffer_ms
    return int(max(0.0, min(sent_ms - on_the_way, received_ms)))
