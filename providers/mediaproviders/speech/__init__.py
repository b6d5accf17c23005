"""Speech-to-text and text-to-speech, for agents whose model reads and writes: one contract, one module a service."""
