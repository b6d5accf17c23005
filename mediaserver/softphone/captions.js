// What both sides said, as it is said. What was generated and never heard, because the caller interrupted, is struck
// out, and screen readers are told so in words: they do not read strokes.

import { h } from "./dom.js";

const NAMES = { caller: "You", agent: "Agent" };
const NEAR_PX = 40;

/** A list of captions. `element` is what to show. */
export class Captions {
    #items = new Map();
    #empty;
    #spoke = null;

    constructor() {
        this.#empty = h("p", { class: "nothing" }, "What is said appears here.");
        this.element = h(
            "div",
            {
                class: "captions",
                part: "captions",
                role: "log",
                "aria-live": "off",
                "aria-label": "Captions",
                tabindex: 0,
            },
            this.#empty,
        );
    }

    /** Begin with an empty list. */
    clear() {
        this.#items.clear();
        this.#spoke = null;
        this.element.replaceChildren(this.#empty);
    }

    /** Somebody begins to speak: the caller's words may arrive after the agent's answer, and yet stand before it. */
    speaking(who, at) {
        if (who === "caller") this.#spoke ??= at;
    }

    /** Show a text that is said, or what has become of it: {who, item, text, final, interrupted, heard_text, at}. */
    say(told) {
        const near = this.element.scrollHeight - this.element.scrollTop - this.element.clientHeight < NEAR_PX;
        const key = `${told.who} ${told.item}`;
        let item = this.#items.get(key);
        if (!item) {
            item = {
                at: this.#place(told),
                element: h("p", { class: `caption ${told.who}`, part: `caption caption-${told.who}` }),
            };
            this.#items.set(key, item);
            this.#insert(item);
        }
        item.element.replaceChildren(
            h("span", { class: "speaker" }, `${NAMES[told.who] ?? told.who}:`),
            " ",
            ...words(told),
        );
        item.element.classList.toggle("unfinished", !told.final);
        if (near) this.element.scrollTop = this.element.scrollHeight;
    }

    /** A remark between what is said. */
    note(text) {
        this.#insert({ at: Infinity, element: h("p", { class: "remark" }, text) });
        this.element.scrollTop = this.element.scrollHeight;
    }

    #place({ who, at }) {
        if (who !== "caller" || this.#spoke === null) return at;
        const spoke = this.#spoke;
        this.#spoke = null;
        return spoke;
    }

    #insert(item) {
        this.#empty.remove();
        item.element.dataset.at = item.at;
        const later = [...this.element.children].find((each) => Number(each.dataset.at) > item.at);
        this.element.insertBefore(item.element, later ?? null);
    }
}

function words({ text, interrupted, heard_text: heardText }) {
    if (!interrupted) return [h("span", { class: "words" }, text)];
    const [heard, lost] = parted(text ?? "", heardText ?? "");
    return [
        h("span", { class: "words" }, heard),
        h("span", { class: "unseen" }, lost ? " (interrupted; not heard: " : " (interrupted)"),
        ...(lost ? [" ", h("s", { class: "lost" }, lost.trimStart()), h("span", { class: "unseen" }, ")")] : []),
        h("span", { class: "mark", "aria-hidden": "true" }, "interrupted"),
    ];
}

/** A text, parted where it was heard until then: [heard, not heard]. */
export function parted(text, heard) {
    if (text.startsWith(heard)) return [heard, text.slice(heard.length)];
    const count = heard.split(/\s+/).filter(Boolean).length;
    const within = new RegExp(`^\\s*(?:\\S+\\s*){0,${count}}`).exec(text)[0];
    return [within.trimEnd(), text.slice(within.length)];
}
