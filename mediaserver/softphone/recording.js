// What happened in a call, on one time line: both voices, who spoke when, interruptions, and how long answers took.

const BEFORE_S = 0.4;

/** The record of one call. Times are seconds since the answer. */
export class Recording {
    constructor() {
        this.caller = [];
        this.agent = [];
        /** When each level was, as the others: {caller: seconds[], agent: seconds[]}. */
        this.times = { caller: [], agent: [] };
        this.spans = { caller: [], agent: [] };
        this.bargeIns = [];
        this.turns = [];
        this.marks = [];
        this.end = 0;
    }

    /** Levels of both sides until `at`. */
    hear({ at, step, caller, agent }) {
        if (at <= 0) return;
        this.end = at;
        this.#add("caller", at, step, caller);
        this.#add("agent", at, step, agent);
    }

    #add(who, at, step, peaks) {
        const begin = at - step * peaks.length;
        peaks.forEach((peak, number) => {
            this.times[who].push(begin + number * step);
            this[who].push(peak);
        });
    }

    /** Something of the server's feed. True if it is on the time line. */
    tell(told) {
        const { event, at } = told;
        switch (event) {
            case "speaking":
                this.#spoke(told.who, told.on, at);
                return true;
            case "barge_in":
                this.bargeIns.push({ at, heardMs: told.heard_ms });
                return true;
            case "turn":
                this.turns.push({
                    at,
                    number: told.turn,
                    stages: { endpoint: told.endpoint_ms, think: told.think_ms, playout: told.playout_ms },
                    totalMs: told.total_ms,
                });
                return true;
            case "digit":
                this.marks.push({ at, text: told.digit });
                return true;
            case "tool":
                if (told.state === "called") this.marks.push({ at, text: told.name });
                return true;
            case "session":
                this.marks.push({
                    at,
                    text: told.what === "took_over" ? `now ${told.model ?? "another model"}` : "session renewed",
                });
                return true;
            default:
                return false;
        }
    }

    #spoke(who, on, at) {
        const spans = this.spans[who];
        if (!spans) return;
        const last = spans.at(-1);
        if (on) spans.push({ begin: at, end: null });
        else if (last && last.end === null) last.end = at;
    }

    /** The level of each of `count` columns between two times, at most 1, by the loudest moment in it. */
    columns(who, begin, end, count) {
        const out = new Float32Array(count);
        const times = this.times[who];
        const levels = this[who];
        const scale = count / (end - begin);
        for (let at = before(times, begin); at < times.length && times[at] < end; at++) {
            const column = Math.floor((times[at] - begin) * scale);
            if (column >= 0 && column < count && levels[at] > out[column]) out[column] = levels[at];
        }
        return out;
    }

    /** From where to where a picture shows: the last `window` seconds of a call that goes on, or all of it. */
    range(window, over) {
        if (over) return [-BEFORE_S, Math.max(this.end, 1) + BEFORE_S];
        return this.end < window ? [-BEFORE_S, window - BEFORE_S] : [this.end - window + 1, this.end + 1];
    }
}

function before(times, moment) {
    let low = 0;
    let high = times.length;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (times[middle] < moment) low = middle + 1;
        else high = middle;
    }
    return low;
}
