"""What a media path has that plain RTP does not: SRTP, the DTLS handshake that keys it, ICE-lite on the same port."""
