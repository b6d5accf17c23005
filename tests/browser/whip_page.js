// A page that calls by WHIP.
import { Sound } from "./sound.js";
import { whip } from "./whip.js";

window.phone = new (whip(Sound))();
