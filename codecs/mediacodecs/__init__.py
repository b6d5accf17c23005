"""Samples and payloads: codecs turn PCM into RTP payloads and back, ``signal`` works on PCM alone."""
