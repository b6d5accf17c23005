"""SIP (RFC 3261, 6026) without sockets or clock: one file per noun of the RFC, ``endpoint`` is the face."""
