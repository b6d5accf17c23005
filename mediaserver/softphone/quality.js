// How good the connection is, by what both ends measure of it.

const GRADES = [
    { bars: 1, word: "poor", lost: Infinity, rttMs: Infinity, jitterMs: Infinity },
    { bars: 2, word: "fair", lost: 0.08, rttMs: 600, jitterMs: 80 },
    { bars: 3, word: "good", lost: 0.03, rttMs: 300, jitterMs: 40 },
    { bars: 4, word: "excellent", lost: 0.01, rttMs: 150, jitterMs: 20 },
];

/** Watches a peer connection; asked once a second. */
export class Quality {
    #connection;
    #before = null;
    #recent = [];

    constructor(connection) {
        this.#connection = connection;
    }

    /**
     * {bars, word, lost, rttMs, jitterMs, bufferMs, codec}: `lost` is the worse direction's share of the last five
     * seconds, `bufferMs` what the jitter buffer held back. Null before there is anything to tell.
     */
    async look() {
        const now = counted(await this.#connection.getStats());
        const before = this.#before;
        this.#before = now;
        if (before === null || now.received <= before.received) return null;
        const share = (lost, whole) => (whole > 0 ? Math.max(0, lost) / whole : 0);
        const inLost = now.lost - before.lost;
        this.#recent.push(share(inLost, inLost + now.received - before.received));
        if (this.#recent.length > 5) this.#recent.shift();
        const lost = Math.max(this.#recent.reduce((sum, each) => sum + each, 0) / this.#recent.length, now.remoteLost);
        const emitted = now.emitted - before.emitted;
        const bufferMs = emitted > 0 ? ((now.buffered - before.buffered) / emitted) * 1000 : 0;
        const seen = { lost, rttMs: now.rttMs, jitterMs: now.jitterMs };
        const grade = GRADES.findLast((each) => Object.keys(seen).every((name) => seen[name] <= each[name]));
        return { ...seen, bufferMs, codec: now.codec, bars: grade.bars, word: grade.word };
    }
}

function counted(stats) {
    const seen = { received: 0, lost: 0, jitterMs: 0, buffered: 0, emitted: 0, remoteLost: 0, rttMs: 0, codec: "" };
    for (const each of stats.values()) {
        if (each.type === "inbound-rtp" && each.kind === "audio") {
            seen.received = each.packetsReceived ?? 0;
            seen.lost = each.packetsLost ?? 0;
            seen.jitterMs = (each.jitter ?? 0) * 1000;
            seen.buffered = each.jitterBufferDelay ?? 0;
            seen.emitted = each.jitterBufferEmittedCount ?? 0;
            seen.codec = stats.get(each.codecId)?.mimeType?.replace(/^audio\//i, "") ?? "";
        } else if (each.type === "remote-inbound-rtp" && each.kind === "audio") {
            seen.remoteLost = Math.max(0, each.fractionLost ?? 0);
        } else if (each.type === "candidate-pair" && each.nominated && each.state === "succeeded") {
            seen.rttMs = (each.currentRoundTripTime ?? 0) * 1000;
        }
    }
    return seen;
}
