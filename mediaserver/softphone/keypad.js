// Twelve keys, for a mouse, a finger and a keyboard.

import { h } from "./dom.js";

const KEYS = [
    ["1", ""],
    ["2", "ABC"],
    ["3", "DEF"],
    ["4", "GHI"],
    ["5", "JKL"],
    ["6", "MNO"],
    ["7", "PQRS"],
    ["8", "TUV"],
    ["9", "WXYZ"],
    ["*", ""],
    ["0", ""],
    ["#", ""],
];
const SPOKEN = { "*": "star", "#": "hash" };
const SHOWN = 24;

/** The keys. `press` is called with one of them. */
export class Keypad {
    #shown;
    #buttons = new Map();

    constructor(press) {
        this.#shown = h("output", { class: "pressed", "aria-label": "Keys pressed" });
        this.element = h(
            "div",
            { class: "keypad", part: "keypad", id: "keypad", role: "group", "aria-label": "Keypad", hidden: true },
            this.#shown,
            h(
                "div",
                { class: "keys" },
                KEYS.map(([key, letters]) => {
                    const button = h(
                        "button",
                        {
                            type: "button",
                            class: "key",
                            "aria-label": SPOKEN[key],
                            onclick: () => press(key),
                        },
                        h("span", {}, key),
                        " ",
                        h("small", {}, letters),
                    );
                    this.#buttons.set(key, button);
                    return button;
                }),
            ),
        );
    }

    /** Show what was pressed. */
    pressed(keys) {
        this.#shown.textContent = (this.#shown.textContent + keys).slice(-SHOWN);
        const button = this.#buttons.get(keys);
        if (!button) return;
        button.classList.add("down");
        setTimeout(() => button.classList.remove("down"), 150);
    }

    /** Nothing pressed, and whether anybody listens to keys. */
    reset(usable) {
        this.#shown.textContent = "";
        for (const button of this.#buttons.values()) button.disabled = !usable;
    }

    /** Whether anybody listens to keys. */
    usable(on) {
        this.#shown.textContent = on ? "" : "This call takes no keys.";
        for (const button of this.#buttons.values()) button.disabled = !on;
    }
}
