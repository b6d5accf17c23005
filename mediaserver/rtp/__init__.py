"""RTP (RFC 3550, 3551, 4733, 3389) without sockets or clock: packets and time in, payloads and packets out.

``session`` is the door. Behind it ``receiver`` (``latch`` ``stats`` ``reorder`` ``dtmf`` ``uplink_clock``), ``sender``
(``playout`` ``duck`` ``dtmf``) and ``reporter`` (``rtcp``); ``packet`` and ``serial`` are what all of them stand on.
"""
