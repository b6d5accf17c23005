"""Fuzzing of what strangers may send: SIP messages, a SIP endpoint, session descriptions, RTP.

    python -m fuzz TARGET --minutes N                 coverage-guided (atheris)
    python -m fuzz TARGET --hypothesis --minutes N    property-based
    python -m fuzz TARGET --replay FILE...            what was found, or a whole corpus, once more

A target makes all its decisions by `Choices`, be they read from the octets of a fuzzer or drawn by hypothesis, and
fails by any exception. What either engine finds is a file of octets that `--replay` plays.
"""
