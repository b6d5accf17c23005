// How the softphone looks. Colours follow the attribute `theme`, or the system; every one can be set from outside.

const CSS = `
:host {
    color-scheme: light dark;
    display: block;
    max-width: 26rem;
    --_paper: var(--voice-agent-paper, light-dark(#fffdf9, #191f27));
    --_well: var(--voice-agent-well, light-dark(#f3efe6, #11161c));
    --_ink: var(--voice-agent-ink, light-dark(#1b232e, #ece8df));
    --_soft: var(--voice-agent-soft, light-dark(#5a6270, #a5adb9));
    --_line: var(--voice-agent-line, light-dark(#ddd5c6, #323c48));
    --_caller: var(--voice-agent-caller, light-dark(#2860a8, #8abaf5));
    --_agent: var(--voice-agent-agent, light-dark(#0a7154, #62d2a8));
    --_alert: var(--voice-agent-alert, light-dark(#b0223b, #ff919c));
    --_on-agent: var(--voice-agent-on-agent, light-dark(#ffffff, #08201a));
    --_on-alert: var(--voice-agent-on-alert, light-dark(#ffffff, #2a070c));
    --_radius: var(--voice-agent-radius, 1.25rem);
    font: 400 1rem/1.45 var(--voice-agent-font, system-ui, sans-serif);
    color: var(--_ink);
}
:host([theme="light"]) { color-scheme: light; }
:host([theme="dark"]) { color-scheme: dark; }
:host([hidden]) { display: none; }

*, *::before, *::after { box-sizing: border-box; }
[hidden] { display: none !important; }
h2, p, dl, dd { margin: 0; }
button, select { font: inherit; color: inherit; }
:focus-visible { outline: 3px solid var(--_caller); outline-offset: 2px; }
.icon { flex: none; display: block; }
.unseen {
    position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}

.phone {
    position: relative;
    display: flex; flex-direction: column; gap: 1rem;
    padding: 1.25rem;
    background: var(--_paper);
    border: 1px solid var(--_line);
    border-radius: var(--_radius);
}

header { display: flex; justify-content: space-between; align-items: flex-start; gap: 1rem; }
.who { min-width: 0; }
.name { font-size: 1.25rem; font-weight: 620; line-height: 1.2; letter-spacing: -0.01em; overflow-wrap: anywhere; }
.state { display: flex; align-items: center; gap: .5rem; margin-top: .25rem; color: var(--_soft); font-size: .9rem; }
.state::before { content: ""; width: .55rem; height: .55rem; border-radius: 50%; background: var(--_line); }
[data-state="talking"] .state::before { background: var(--_agent); }
[data-state="asking"] .state::before, [data-state="connecting"] .state::before, [data-state="reconnecting"] .state::before {
    background: var(--_caller); animation: breathe 1.4s ease-in-out infinite;
}
@keyframes breathe { 50% { opacity: .25; } }
.signs { display: flex; align-items: center; gap: .75rem; padding-top: .15rem; }
.clock { font-variant-numeric: tabular-nums; font-size: 1.05rem; }
[data-state="idle"] .clock, [data-state="idle"] .bars { visibility: hidden; }
.bars { display: inline-flex; align-items: flex-end; gap: 2px; height: 1rem; }
.bars i { width: 4px; border-radius: 1px; background: var(--_line); }
.bars i:nth-child(1) { height: 40%; } .bars i:nth-child(2) { height: 60%; }
.bars i:nth-child(3) { height: 80%; } .bars i:nth-child(4) { height: 100%; }
.bars[data-bars="4"] i, .bars[data-bars="3"] i:nth-child(-n+3) { background: var(--_agent); }
.bars[data-bars="2"] i:nth-child(-n+2), .bars[data-bars="1"] i:nth-child(1) { background: var(--_alert); }

.meters { display: grid; gap: .5rem; }
.meter { display: grid; grid-template-columns: 3.2rem 1fr; align-items: center; gap: .5rem; font-size: .85rem; color: var(--_soft); }
.scale { position: relative; height: .6rem; border-radius: .3rem; overflow: hidden; background: var(--_well); }
.level { position: absolute; inset: 0; transform: scaleX(0); transform-origin: left; transition: transform 60ms linear; }
.agent .level { background: var(--_agent); }
.caller .level { background: var(--_caller); }
.muted .caller .level { background: var(--_line); }
/* Cut into ticks, as on the front of a mixing desk. */
.scale::after {
    content: ""; position: absolute; inset: 0;
    background: repeating-linear-gradient(90deg, transparent 0 5px, var(--_paper) 5px 7px);
}
.agent-speaks .meter.agent > span { color: var(--_agent); font-weight: 600; }
.caller-speaks .meter.caller > span { color: var(--_caller); font-weight: 600; }

.alert { padding: .75rem .9rem; border: 1px solid var(--_alert); border-radius: .75rem; color: var(--_alert); }
.alert small { display: block; margin-top: .35rem; color: var(--_soft); overflow-wrap: anywhere; }

.captions {
    height: 15rem; overflow-y: auto; overscroll-behavior: contain;
    display: flex; flex-direction: column; gap: .6rem;
    padding: .9rem;
    background: var(--_well);
    border-radius: .85rem;
    scrollbar-width: thin; scrollbar-color: var(--_line) transparent;
}
/* An open panel takes the room of captions, not of the page. */
.phone:has(.keypad:not([hidden]), .devices:not([hidden])) .captions { height: 6.5rem; }
.nothing { margin: auto; color: var(--_soft); font-size: .95rem; }
.caption { padding-left: .7rem; border-left: 3px solid var(--_agent); overflow-wrap: anywhere; }
.caption.caller { border-left-color: var(--_caller); }
.speaker { font-weight: 620; font-size: .85rem; color: var(--_agent); }
.caller .speaker { color: var(--_caller); }
.unfinished .words { color: var(--_soft); }
.lost { color: var(--_soft); text-decoration-color: var(--_alert); text-decoration-thickness: 2px; }
.mark { margin-left: .5rem; font-size: .8rem; font-weight: 600; color: var(--_alert); white-space: nowrap; }
.remark { color: var(--_soft); font-size: .9rem; text-align: center; }

.keypad, .devices { padding: .9rem; border: 1px solid var(--_line); border-radius: .85rem; }
.pressed { display: block; min-height: 1.6rem; text-align: center; font-size: 1.1rem; letter-spacing: .12em; font-variant-numeric: tabular-nums; }
.keys { display: grid; grid-template-columns: repeat(3, 1fr); gap: .5rem; }
.key {
    display: flex; flex-direction: column; align-items: center; justify-content: center;
    min-height: 3.1rem; padding: .2rem;
    font-size: 1.2rem; line-height: 1.15;
    background: var(--_well); border: 1px solid transparent; border-radius: .7rem; cursor: pointer;
}
.key small { min-height: .85rem; font-size: .65rem; letter-spacing: .1em; color: var(--_soft); }
.key:hover { border-color: var(--_line); }
.key:active, .key.down { background: var(--_ink); color: var(--_paper); }
.key:active small, .key.down small { color: inherit; }
.key:disabled { opacity: .45; cursor: default; }
.choice { display: grid; gap: .25rem; margin-bottom: .75rem; font-size: .9rem; }
.choice label { color: var(--_soft); }
select {
    width: 100%; min-height: 2.6rem; padding: .4rem .6rem;
    background: var(--_paper); border: 1px solid var(--_soft); border-radius: .6rem; text-overflow: ellipsis;
}
.trouble { margin-bottom: .75rem; color: var(--_alert); font-size: .9rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(4.4rem, 1fr)); gap: .5rem; }
.figures dt { font-size: .75rem; color: var(--_soft); }
.figures dd { font-variant-numeric: tabular-nums; }

footer { display: flex; align-items: center; justify-content: space-between; gap: .75rem; }
.row { display: flex; gap: .5rem; }
.row .control:disabled { display: none; }
.control, .main, .plain { display: inline-flex; align-items: center; justify-content: center; gap: .55rem; border: 1px solid transparent; cursor: pointer; }
.control { width: 2.9rem; height: 2.9rem; border-radius: 50%; background: var(--_well); }
.control:hover:enabled { border-color: var(--_soft); }
.control[aria-expanded="true"] { background: var(--_ink); color: var(--_paper); }
.control[aria-pressed="true"] { background: var(--_alert); color: var(--_on-alert); }
.main {
    flex: 1 1 0; min-width: 0; min-height: 2.9rem; padding: .4rem 1.25rem;
    font-weight: 620; border-radius: 1.5rem;
    background: var(--_agent); color: var(--_on-agent);
}
.main span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.main:hover { filter: brightness(1.08); }
.main:disabled { opacity: .45; cursor: default; }
.main.end { background: var(--_alert); color: var(--_on-alert); }
.plain { padding: .6rem; border-color: var(--_line); border-radius: .7rem; background: none; }

@media (prefers-reduced-motion: reduce) {
    * { animation: none !important; transition: none !important; }
}
@media (forced-colors: active) {
    .level { background: CanvasText !important; }
    .control, .main, .key { border-color: ButtonText; }
}
`;

let made = null;

/** The style sheet, one for all elements of a page. */
export function sheet() {
    if (made === null) {
        made = new CSSStyleSheet();
        made.replaceSync(CSS);
    }
    return made;
}
