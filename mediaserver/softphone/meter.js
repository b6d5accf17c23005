// How loud both sides are, in steps of 20 ms.

export const STEP_S = 0.02;
const WINDOW = 8192; // 170 ms at 48 kHz: a page that is late by less than that misses nothing

let shared = null;
let listening = 0;

/** The page's audio context. Made and woken by what the user does: browsers let no page begin by itself. */
export function context() {
    shared ??= new AudioContext({ latencyHint: "interactive" });
    if (shared.state === "suspended") shared.resume().catch(() => {});
    return shared;
}

/** Listens to a stream. */
export class Meter {
    #source = null;
    #analyser;
    #samples = new Float32Array(WINDOW);
    #read = 0;

    constructor() {
        this.#analyser = new AnalyserNode(context(), { fftSize: WINDOW, smoothingTimeConstant: 0 });
    }

    /** Listen to this stream from now on. */
    listen(stream) {
        const source = context().createMediaStreamSource(stream);
        this.close();
        context();
        this.#source = source;
        this.#source.connect(this.#analyser);
        listening++;
        this.#read = context().currentTime;
    }

    /** The peaks, 0 to 1, of each whole step since the last time it was asked, oldest first. */
    take() {
        const { currentTime, sampleRate } = context();
        const size = Math.round(STEP_S * sampleRate);
        const most = Math.floor(WINDOW / size);
        const steps = Math.min(most, Math.floor((currentTime - this.#read) / STEP_S));
        if (this.#source === null || steps <= 0) return [];
        this.#read = Math.max(this.#read + steps * STEP_S, currentTime - most * STEP_S);
        this.#analyser.getFloatTimeDomainData(this.#samples);
        const begin = WINDOW - steps * size;
        return Array.from({ length: steps }, (_, step) => peak(this.#samples, begin + step * size, size));
    }

    /** Listen no more; where nobody listens, nothing is computed. */
    close() {
        if (this.#source === null) return;
        this.#source.disconnect();
        this.#source = null;
        if (--listening === 0) shared.suspend().catch(() => {});
    }
}

function peak(samples, begin, size) {
    let most = 0;
    for (let at = begin; at < begin + size; at++) {
        const value = Math.abs(samples[at]);
        if (value > most) most = value;
    }
    return Math.min(1, most);
}

/** A peak as a share of a meter's length: 0 at -54 dB, 1 at 0 dB. */
export function loudness(value) {
    return Math.max(0, Math.min(1, 1 + Math.log10(Math.max(value, 1e-6)) / 2.7));
}
