"""Signal processing on PCM alone: rates, lost frames, speech, levels, tones."""
