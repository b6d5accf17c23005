// Elements made by hand: no markup is ever parsed, so that pages with a strict content security policy or trusted types
// can embed the softphone.

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = new Set(["svg", "path", "circle", "rect", "line"]);

/** An element. `on…` attributes are listeners; `true` is an empty attribute, `false` and null none at all. */
export function h(tag, attributes, ...children) {
    const element = DRAWN.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes ?? {})) {
        if (value === undefined || value === null || value === false) continue;
        if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
        else element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.flat());
    return element;
}

const PATHS = {
    call: "M6.6 3.5h2.7l1.5 4.1-2 1.6a12.4 12.4 0 0 0 6 6l1.6-2 4.1 1.5v2.7a2.2 2.2 0 0 1-2.4 2.2A16.3 16.3 0 0 1 4.4 5.9a2.2 2.2 0 0 1 2.2-2.4z",
    hangUp: "M3.2 15.4a13.6 13.6 0 0 1 17.6 0c.6.5.6 1.4.1 2l-1.3 1.5c-.4.5-1.1.6-1.7.3l-2.7-1.4c-.5-.3-.8-.8-.8-1.4v-1.6a11 11 0 0 0-4.8 0v1.6c0 .6-.3 1.1-.8 1.4l-2.7 1.4c-.6.3-1.3.2-1.7-.3l-1.3-1.5c-.5-.6-.5-1.5.1-2z",
    microphone:
        "M12 3.5a2.8 2.8 0 0 1 2.8 2.8v5.2a2.8 2.8 0 0 1-5.6 0V6.3A2.8 2.8 0 0 1 12 3.5zM5.8 11.2a6.2 6.2 0 0 0 12.4 0M12 17.4v3.1M8.8 20.5h6.4",
    muted: "M9.2 9.2v2.3a2.8 2.8 0 0 0 4.5 2.2M14.8 11V6.3a2.8 2.8 0 0 0-5.5-.7M5.8 11.2a6.2 6.2 0 0 0 9.9 5M18.2 11.2a6.2 6.2 0 0 1-.5 2.4M12 17.4v3.1M8.8 20.5h6.4M4 4l16 16",
    keypad: "M6 6h.01M12 6h.01M18 6h.01M6 12h.01M12 12h.01M18 12h.01M6 18h.01M12 18h.01M18 18h.01",
    settings: "M4 7.5h9M17 7.5h3M4 16.5h3M11 16.5h9M15 5.3v4.4M9 14.3v4.4",
    copy: "M9 9h10.5v10.5H9zM15 9V4.5H4.5V15H9",
    done: "M5 12.5l4.5 4.5L19 7.5",
    onward: "M5 12h14M13 6l6 6-6 6",
    sound: "M5 9.5v5h3.2l4.3 3.7V5.8L8.2 9.5zM16 9.2a4 4 0 0 1 0 5.6M18.6 6.6a7.6 7.6 0 0 1 0 10.8",
};

/** A drawing that says nothing by itself: whatever it stands on has to have a name. */
export function icon(name) {
    const bold = name === "keypad";
    return h(
        "svg",
        { viewBox: "0 0 24 24", width: 22, height: 22, "aria-hidden": "true", focusable: "false", class: "icon" },
        h("path", {
            d: PATHS[name],
            fill: "none",
            stroke: "currentColor",
            "stroke-width": bold ? 3 : 1.7,
            "stroke-linecap": "round",
            "stroke-linejoin": "round",
        }),
    );
}

/** Give an element other children. */
export function fill(element, ...children) {
    element.replaceChildren(...children.flat().filter((each) => each !== null && each !== undefined));
}
