import numpy as np

from mediacodecs.opus import OpusDecoder
from mediaserver.load.phrasebook import Phrasebook
from mediaserver.load.script import Play, Silence
from mediaserver.sdp.plan import PayloadFormat

OPUS = PayloadFormat(96, "OPUS", 48000, 2)
PCMU = PayloadFormat(0, "PCMU", 8000)


def noise(samples, seed=1):
    return np.random.default_rng(seed).integers(-8000, 8000, samples).astype(np.int16)


def test_what_was_learnt_is_not_encoded_again():
    book, sound = Phrasebook(), noise(800)
    book.learn([Play(sound), Silence(1)], OPUS, 20)
    assert len(book) == 6  # five frames, and silence
    speak = book.speaker(OPUS)
    first = [speak(frame) for frame in sound.reshape(-1, 160)]
    assert first == [speak(frame) for frame in sound.reshape(-1, 160)], "an encoder with a memory would not say so"
    book.learn([Play(sound)], OPUS, 20)
    assert len(book) == 6


def test_it_sounds_as_what_was_to_be_said():
    book, at = Phrasebook(), np.arange(3200) / 8000
    sound = (8000 * np.sin(2 * np.pi * 300 * at)).astype(np.int16)
    book.learn([Play(sound)], OPUS, 20)
    speak, decoder = book.speaker(OPUS), OpusDecoder(8000)
    heard = np.concatenate([decoder.decode(speak(frame)).copy() for frame in sound.reshape(-1, 160)])
    likeness = max(
        np.corrcoef(heard[800 + lag : 2400 + lag].astype(float), sound[800:2400].astype(float))[0, 1]
        for lag in range(150)
    )
    assert likeness > 0.95


def test_the_last_frame_is_filled_up_and_what_is_new_is_encoded():
    book, sound = Phrasebook(), noise(250)
    book.learn([Play(sound)], PCMU, 20)
    speak = book.speaker(PCMU)
    padded = np.concatenate((sound[160:], np.zeros(70, np.int16)))
    assert len(speak(padded)) == 160
    assert len(speak(noise(160, seed=2))) == 160
    assert len(book) == 3
