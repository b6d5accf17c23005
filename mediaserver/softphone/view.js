// What is seen of the phone, in a shadow tree: state, clock, meters, captions, keys, devices, and the buttons.

import { Captions } from "./captions.js";
import { Devices } from "./devices.js";
import { fill, h, icon } from "./dom.js";
import { Keypad } from "./keypad.js";
import { loudness } from "./meter.js";
import { CallError, STATES, clock, ending } from "./words.js";

const FALL_PER_STEP = 0.035;
const KEYS = /^[0-9*#]$/;

/** The view of a phone; `element` is to be put into the shadow tree. */
export class View {
    #phone;
    #announces = false;
    #shown = { caller: 0, agent: 0 };
    #timer = null;
    #name = "the agent";

    constructor(phone) {
        this.#phone = phone;
        this.captions = new Captions();
        this.#build();
        this.#listen();
        this.#quality(null);
        this.#state({ state: "idle", reason: "", error: null });
    }

    /** The agent's name, whether it can be called, and whether captions are to be read out by screen readers. */
    describe({ name, callable, announces }) {
        this.#name = name || "the agent";
        this.#announces = announces;
        this.title.textContent = name || "Agent";
        this.element.setAttribute("aria-label", `Call with ${this.#name}`);
        this.callWord.textContent = this.#callWord();
        this.callButton.disabled = !callable;
    }

    /** Go to the one button that there is at any time. */
    focus(options) {
        (this.#phone.running ? this.endButton : this.callButton).focus(options);
    }

    #build() {
        const control = (name, label, listener, attributes) =>
            h(
                "button",
                {
                    type: "button",
                    class: "control",
                    part: "button",
                    title: label,
                    "aria-label": label,
                    onclick: listener,
                    ...attributes,
                },
                icon(name),
            );
        this.title = h("h2", { class: "name", part: "name" }, "Agent");
        this.stateText = h("p", { class: "state", part: "state" });
        this.clock = h("span", { class: "clock", part: "clock", role: "timer", "aria-label": "Time in call" }, "0:00");
        this.bars = h(
            "span",
            { class: "bars", part: "quality", role: "img" },
            [1, 2, 3, 4].map(() => h("i", {})),
        );
        this.meters = { agent: h("i", { class: "level" }), caller: h("i", { class: "level" }) };
        this.alert = h("div", { class: "alert", part: "alert", role: "alert" });
        this.status = h("p", { class: "unseen", role: "status" });
        this.play = h(
            "button",
            { type: "button", class: "plain", hidden: true, onclick: () => this.#play() },
            icon("sound"),
            "Hear the agent",
        );
        this.keypad = new Keypad((key) => this.#phone.press(key));
        this.devices = new Devices(this.#phone);
        this.muteButton = control("microphone", "Mute", () => this.#phone.mute(), { "aria-pressed": "false" });
        this.keysButton = this.#opener(control, "keypad", "Keypad", this.keypad.element);
        this.devicesButton = this.#opener(control, "settings", "Sound and connection", this.devices.element);
        this.callWord = h("span", {}, "Call");
        this.callButton = h(
            "button",
            { type: "button", class: "main", part: "button call", onclick: () => this.#phone.call() },
            icon("call"),
            this.callWord,
        );
        this.endButton = h(
            "button",
            { type: "button", class: "main end", part: "button hang-up", onclick: () => this.#phone.hangUp() },
            icon("hangUp"),
            h("span", {}, "Hang up"),
        );
        const meter = (who, word) =>
            h(
                "div",
                { class: `meter ${who}`, part: "meter" },
                h("span", {}, word),
                h("div", { class: "scale" }, this.meters[who]),
            );
        this.element = h(
            "section",
            { class: "phone", part: "phone" },
            h(
                "header",
                {},
                h("div", { class: "who" }, this.title, this.stateText),
                h("div", { class: "signs" }, this.bars, this.clock),
            ),
            h("div", { class: "meters", "aria-hidden": "true" }, meter("agent", "Agent"), meter("caller", "You")),
            this.alert,
            this.play,
            this.captions.element,
            this.keypad.element,
            this.devices.element,
            h(
                "footer",
                {},
                h("div", { class: "row" }, this.muteButton, this.keysButton, this.devicesButton),
                this.callButton,
                this.endButton,
            ),
            this.status,
        );
    }

    #opener(control, name, label, panel) {
        const button = control(name, label, () => this.#open(button, panel, panel.hidden), {
            "aria-expanded": "false",
            "aria-controls": panel.id,
        });
        return button;
    }

    #open(button, panel, on) {
        for (const [other, its] of [
            [this.keysButton, this.keypad.element],
            [this.devicesButton, this.devices.element],
        ]) {
            its.hidden = !(its === panel && on);
            other.setAttribute("aria-expanded", String(!its.hidden));
        }
        if (on && panel === this.devices.element) this.devices.refresh();
        if (!on) button.focus();
    }

    #listen() {
        const on = (type, listener) => this.#phone.addEventListener(type, ({ detail }) => listener(detail));
        on("state", (detail) => this.#state(detail));
        on("muted", (detail) => this.#muted(detail));
        on("levels", (detail) => this.#levels(detail));
        on("told", (detail) => this.#told(detail));
        on("quality", (detail) => this.#quality(detail));
        on("pressed", ({ keys }) => this.keypad.pressed(keys));
        on("devices", () => this.devices.refresh());
        on("silent", () => (this.play.hidden = false));
        on("anew", () => this.captions.note("The connection was lost; this is a new call."));
        this.element.addEventListener("keydown", (event) => this.#key(event));
    }

    #key(event) {
        if (event.ctrlKey || event.metaKey || event.altKey || event.composedPath()[0] instanceof HTMLSelectElement)
            return;
        if (KEYS.test(event.key) && this.#phone.press(event.key)) event.preventDefault();
        if (event.key === "Escape") {
            if (!this.keypad.element.hidden) this.#open(this.keysButton, this.keypad.element, false);
            else if (!this.devices.element.hidden) this.#open(this.devicesButton, this.devices.element, false);
        }
    }

    // --- what happens ------------------------------------------------------------------------------------------------

    #state({ state, reason, error }) {
        const running = this.#phone.running;
        const focused = this.element.getRootNode().activeElement;
        this.element.dataset.state = state;
        this.stateText.textContent = error ? "No call" : STATES[state];
        this.callButton.hidden = running;
        this.endButton.hidden = !running;
        if (focused === this.callButton || focused === this.endButton)
            (running ? this.endButton : this.callButton).focus();
        this.callWord.textContent = this.#callWord();
        for (const each of [this.muteButton, this.keysButton]) each.disabled = !running;
        if (state === "asking") this.#begin();
        if (state === "talking") this.keypad.usable(this.#phone.takesKeys);
        if (state === "over") this.#end();
        this.#clock();
        const sentence = error ? "" : state === "over" ? ending(reason) : "";
        this.#fault(error);
        if (state === "over" && sentence) this.captions.note(sentence);
        // "Ready" is nothing to interrupt anybody's reading for; an error is read out by its alert.
        if (state !== "idle" && !error) this.status.textContent = `${STATES[state]}. ${sentence}`;
    }

    #begin() {
        this.captions.clear();
        this.keypad.reset(false);
        this.#muted({ on: false }, true);
        clearInterval(this.#timer);
        this.#timer = setInterval(() => this.#clock(), 250);
    }

    #end() {
        clearInterval(this.#timer);
        this.play.hidden = true;
        this.#open(this.keysButton, null, true);
        this.keypad.reset(false);
        this.#levels({ caller: [], agent: [] }, true);
        this.#quality(null);
    }

    #callWord() {
        return this.#phone.state === "over" ? "Call again" : `Call ${this.#name}`;
    }

    #clock() {
        this.clock.textContent = clock(this.#phone.seconds);
    }

    #fault(error) {
        const detail = error instanceof CallError && error.detail ? h("small", {}, error.detail) : null;
        fill(this.alert, error ? h("p", {}, error.message) : null, detail);
        this.alert.hidden = !error;
    }

    #muted({ on }, quietly = false) {
        fill(this.muteButton, icon(on ? "muted" : "microphone"));
        this.muteButton.setAttribute("aria-pressed", String(on));
        this.element.classList.toggle("muted", on);
        if (!quietly) this.status.textContent = on ? "Muted" : "Not muted";
    }

    #levels({ caller, agent }, silent = false) {
        for (const [who, peaks] of [
            ["caller", caller],
            ["agent", agent],
        ]) {
            const fallen = silent ? 0 : Math.max(0, this.#shown[who] - FALL_PER_STEP * Math.max(1, peaks.length));
            this.#shown[who] = Math.max(fallen, ...peaks.map(loudness));
            this.meters[who].style.transform = `scaleX(${this.#shown[who].toFixed(3)})`;
        }
    }

    #told(told) {
        if (told.event === "speaking") {
            if (told.on) this.captions.speaking(told.who, told.at);
            this.element.classList.toggle(`${told.who}-speaks`, told.on);
        } else if (told.event === "transcript") {
            this.captions.say(told);
            if (this.#announces && told.final)
                this.status.textContent = `${told.who === "caller" ? "You" : "Agent"}: ${told.text}`;
        } else if (told.event === "barge_in") {
            this.status.textContent = "You interrupted the agent.";
        }
    }

    #quality(quality) {
        const word = quality ? `Connection: ${quality.word}` : "Connection: not measured";
        this.bars.dataset.bars = quality?.bars ?? 0;
        this.bars.setAttribute("aria-label", word);
        this.bars.title = word;
        this.devices.quality(quality);
    }

    #play() {
        this.#phone.listen();
        this.play.hidden = true;
    }
}
