// Which microphone and loudspeaker, and how the connection is.

import { fill, h } from "./dom.js";

/** The panel. */
export class Devices {
    #phone;

    constructor(phone) {
        this.#phone = phone;
        this.microphones = h("select", {
            id: "microphone",
            onchange: ({ target }) => this.#use("useMicrophone", target.value),
        });
        this.speakers = h("select", {
            id: "loudspeaker",
            onchange: ({ target }) => this.#use("useSpeaker", target.value),
        });
        this.trouble = h("p", { class: "trouble", role: "alert", hidden: true });
        this.figures = h("dl", { class: "figures" });
        const row = (name, select) => h("div", { class: "choice" }, h("label", { for: select.id }, name), select);
        this.speakerRow = row("Loudspeaker", this.speakers);
        this.element = h(
            "div",
            {
                class: "devices",
                part: "devices",
                id: "devices",
                role: "group",
                "aria-label": "Sound and connection",
                hidden: true,
            },
            row("Microphone", this.microphones),
            this.speakerRow,
            this.trouble,
            this.figures,
        );
        this.quality(null);
    }

    /** Look which devices there are. */
    async refresh() {
        const { microphones, speakers } = await this.#phone.devices();
        offer(this.microphones, microphones, this.#phone.microphone, "Asked for when you call");
        offer(this.speakers, speakers, this.#phone.speaker, "The system's");
        this.speakerRow.hidden = speakers.length === 0;
    }

    /** Show how the connection is; null: it is not known. */
    quality(seen) {
        const figure = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
        fill(
            this.figures,
            figure("Round trip", seen ? `${Math.round(seen.rttMs)} ms` : "–"),
            figure("Lost", seen ? `${(seen.lost * 100).toFixed(1)} %` : "–"),
            figure("Jitter", seen ? `${Math.round(seen.jitterMs)} ms` : "–"),
            figure("Buffer", seen ? `${Math.round(seen.bufferMs)} ms` : "–"),
            figure("Codec", seen?.codec || "–"),
        );
    }

    async #use(what, id) {
        this.trouble.hidden = true;
        try {
            await this.#phone[what](id);
        } catch (error) {
            this.trouble.textContent = what === "useMicrophone" ? error.message : "This loudspeaker cannot be used.";
            this.trouble.hidden = false;
        }
        await this.refresh();
    }
}

function offer(select, devices, chosen, none) {
    const all = devices.length > 0 ? devices : [{ id: "", name: none }];
    fill(
        select,
        all.map(({ id, name }) => h("option", { value: id }, name)),
    );
    select.value = all.some(({ id }) => id === chosen) ? chosen : all[0].id;
    select.disabled = devices.length === 0;
}
