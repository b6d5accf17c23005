// The picture of a call: one line of time, the agent's voice above it, the caller's below, so that it is seen who
// speaks into whose words. Between a question and its answer the line itself shows where the time went.

const WINDOW_S = 24;
const CALM_MS = 500;
const MARGIN = 18;
const FLOOR = 0.02;
const LABEL = 62; // pixels from one figure to the next
const STAGES = ["endpoint", "think", "playout"];

/** Draws a recording on a canvas for as long as there is something new in it. */
export class Strip {
    #canvas;
    #recording = null;
    #over = false;
    #drawing = false;
    #calm = matchMedia("(prefers-reduced-motion: reduce)");
    #drawn = 0;

    constructor(canvas) {
        this.#canvas = canvas;
        new ResizeObserver(() => this.draw()).observe(canvas);
        matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    }

    /** Show a recording as it grows. */
    follow(recording) {
        this.#recording = recording;
        this.#over = false;
        if (!this.#drawing) {
            this.#drawing = true;
            requestAnimationFrame(this.#frame);
        }
    }

    /** It grows no more: show all of it. */
    finish() {
        this.#over = true;
        this.draw();
    }

    #frame = (now) => {
        if (this.#over) {
            this.#drawing = false;
            return;
        }
        if (!this.#calm.matches || now - this.#drawn > CALM_MS) {
            this.#drawn = now;
            this.draw();
        }
        requestAnimationFrame(this.#frame);
    };

    /** Draw it as it is now. */
    draw() {
        const { clientWidth: width, clientHeight: height } = this.#canvas;
        const scale = window.devicePixelRatio || 1;
        const [across, down] = [Math.round(width * scale), Math.round(height * scale)];
        if (across === 0) return;
        if (this.#canvas.width !== across || this.#canvas.height !== down)
            Object.assign(this.#canvas, { width: across, height: down });
        const pen = this.#canvas.getContext("2d");
        pen.setTransform(scale, 0, 0, scale, 0, 0);
        pen.clearRect(0, 0, width, height);
        this.#paint(pen, width, height);
    }

    #paint(pen, width, height) {
        const style = getComputedStyle(this.#canvas);
        const names = ["ink", "soft", "line", "caller", "agent", "alert", "endpoint", "think", "playout", "paper"];
        const ink = colours(this.#canvas, names);
        const font = (size, weight = 400) => `${weight} ${size}px ${style.fontFamily}`;
        const [begin, end] = this.#recording?.range(WINDOW_S, this.#over) ?? [-0.4, WINDOW_S - 0.4];
        const middle = Math.round((height - MARGIN) / 2);
        const place = {
            begin,
            end,
            width,
            middle,
            reach: middle - 22,
            x: (at) => ((at - begin) / (end - begin)) * width,
        };
        ruler(pen, place, height, ink, font);
        const recording = this.#recording;
        if (recording !== null) {
            pen.save();
            pen.beginPath();
            pen.rect(0, 0, width, height - MARGIN);
            pen.clip();
            for (const who of ["agent", "caller"]) {
                spans(pen, place, recording, who, ink);
                wave(pen, place, recording.columns(who, begin, end, Math.floor(width)), who, ink);
            }
            place.free = -Infinity;
            for (const turn of recording.turns) answer(pen, place, turn, ink, font);
            for (const mark of recording.marks) remark(pen, place, mark, ink, font);
            for (const cut of recording.bargeIns) interruption(pen, place, cut, ink, font);
            pen.restore();
        }
        lanes(pen, place, ink, font);
    }
}

/** Colours by the names of the page's custom properties: a canvas knows neither those nor light-dark(). */
function colours(canvas, names) {
    const probe = canvas.parentElement.appendChild(document.createElement("i"));
    const found = {};
    for (const name of names) {
        probe.style.color = `var(--${name})`;
        found[name] = getComputedStyle(probe).color;
    }
    probe.remove();
    return found;
}

function ruler(pen, { begin, end, width, middle, x }, height, ink, font) {
    const every = [1, 2, 5, 10, 15, 30, 60, 120, 300].find((each) => ((end - begin) / each) * 64 < width) ?? 600;
    pen.font = font(12);
    pen.textAlign = "center";
    pen.textBaseline = "alphabetic";
    pen.strokeStyle = ink.line;
    pen.fillStyle = ink.soft;
    pen.lineWidth = 1;
    for (let at = Math.max(0, Math.ceil(begin / every) * every); at < end; at += every) {
        const across = Math.round(x(at)) + 0.5;
        pen.globalAlpha = 0.55;
        pen.beginPath();
        pen.moveTo(across, 0);
        pen.lineTo(across, height - MARGIN);
        pen.stroke();
        pen.globalAlpha = 1;
        if (across > 12 && across < width - 16)
            pen.fillText(
                at < 60 ? `${at} s` : `${Math.floor(at / 60)}:${String(at % 60).padStart(2, "0")}`,
                across,
                height - 3,
            );
    }
    pen.strokeStyle = ink.soft;
    pen.globalAlpha = 0.6;
    pen.beginPath();
    pen.moveTo(0, middle + 0.5);
    pen.lineTo(width, middle + 0.5);
    pen.stroke();
    pen.globalAlpha = 1;
}

function lanes(pen, { middle, reach }, ink, font) {
    pen.font = font(13, 620);
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    pen.fillStyle = ink.agent;
    pen.fillText("Agent", 2, middle - reach - 8);
    pen.fillStyle = ink.caller;
    pen.fillText("You", 2, middle + reach + 10);
}

function spans(pen, { x, middle, reach, end }, recording, who, ink) {
    pen.fillStyle = ink[who];
    pen.globalAlpha = 0.1;
    for (const span of recording.spans[who]) {
        const from = x(span.begin);
        const to = x(span.end ?? Math.min(recording.end, end));
        pen.fillRect(from, who === "agent" ? middle - reach : middle, Math.max(1, to - from), reach);
    }
    pen.globalAlpha = 1;
}

function wave(pen, { middle, reach }, columns, who, ink) {
    const up = who === "agent" ? -1 : 1;
    pen.fillStyle = ink[who];
    pen.beginPath();
    pen.moveTo(0, middle);
    columns.forEach((level, column) => pen.lineTo(column + 0.5, middle + up * height(level, reach)));
    pen.lineTo(columns.length, middle);
    pen.closePath();
    pen.fill();
}

/** What is softer than speech is not drawn: a line that never rests tells nothing. */
function height(level, reach) {
    return level > FLOOR ? 1.5 + (reach - 4) * level ** 0.62 : 0;
}

function answer(pen, place, { at, stages, totalMs }, ink, font) {
    const { x, middle, width } = place;
    let from = at - totalMs / 1000;
    const left = x(from);
    for (const stage of STAGES) {
        const to = from + stages[stage] / 1000;
        pen.fillStyle = ink[stage];
        pen.fillRect(x(from), middle - 5, Math.max(1, x(to) - x(from)), 11);
        from = to;
    }
    const right = x(at);
    if (right < 0 || left > width) return;
    // Where a call is short of room, one of two figures that would cover each other is left out: the table has both.
    if ((left + right) / 2 < place.free) return;
    place.free = (left + right) / 2 + LABEL;
    label(pen, `${Math.round(totalMs)} ms`, (left + right) / 2, middle - 15, ink.ink, ink.paper, font(12, 560), width);
}

function interruption(pen, { x, middle, reach, width }, { at }, ink, font) {
    const across = Math.round(x(at)) + 0.5;
    pen.strokeStyle = ink.alert;
    pen.lineWidth = 2;
    pen.beginPath();
    pen.moveTo(across, middle - reach);
    pen.lineTo(across, middle + reach);
    pen.stroke();
    label(pen, "interrupted", across, middle - reach - 8, ink.alert, ink.paper, font(12, 600), width);
}

function remark(pen, { x, middle, reach, width }, { at, text }, ink, font) {
    pen.fillStyle = ink.soft;
    pen.fillRect(Math.round(x(at)), middle + reach - 6, 1.5, 10);
    label(pen, text, x(at), middle + reach + 10, ink.soft, ink.paper, font(12, 560), width);
}

function label(pen, text, across, down, colour, ground, font, width) {
    pen.font = font;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    const half = pen.measureText(text).width / 2;
    if (across < -half || across > width + half) return;
    pen.globalAlpha = 0.85;
    pen.fillStyle = ground;
    pen.fillRect(across - half - 3, down - 8, 2 * half + 6, 16);
    pen.globalAlpha = 1;
    pen.fillStyle = colour;
    pen.fillText(text, across, down);
}
