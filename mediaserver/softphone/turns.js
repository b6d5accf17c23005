// How long each answer took, by stage: a table whose middle column is drawn.

import { fill, h } from "./dom.js";

const NAMES = { endpoint: "hears the end", think: "thinks", playout: "reaches the line" };
const ROOM = 0.13; // of the longest answer: less has no room for its number

/** Rows of a table's body. */
export class Turns {
    #body;
    #empty;

    constructor(body, empty) {
        this.#body = body;
        this.#empty = empty;
    }

    /** Show these answers: {number, stages, totalMs}. */
    show(turns) {
        const longest = Math.max(...turns.map((each) => each.totalMs), 400);
        this.#empty.hidden = turns.length > 0;
        fill(
            this.#body,
            turns.map((turn) => row(turn, longest)),
        );
        const box = this.#body.closest("[tabindex]");
        box.scrollTop = box.scrollHeight;
    }
}

function row({ number, stages, totalMs }, longest) {
    const bar = h(
        "div",
        { class: "stack", "aria-hidden": "true" },
        Object.keys(NAMES).map((stage) => part(stage, stages[stage], longest)),
    );
    bar.style.width = `${(totalMs / longest) * 100}%`;
    const said = Object.entries(NAMES).map(([stage, name]) => `${name} ${Math.round(stages[stage])} ms`);
    return h(
        "tr",
        {},
        h("th", { scope: "row" }, String(number)),
        h("td", {}, bar, h("span", { class: "unseen" }, said.join(", "))),
        h("td", {}, `${Math.round(totalMs)} ms`),
    );
}

function part(stage, ms, longest) {
    const element = h(
        "span",
        { class: ms / longest < ROOM ? `${stage} narrow` : stage, title: `${NAMES[stage]}: ${Math.round(ms)} ms` },
        String(Math.round(ms)),
    );
    element.style.flex = `${Math.max(ms, 0)} 0 0`;
    return element;
}
