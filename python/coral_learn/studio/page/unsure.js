/** Keeps the pictures that the model is unsure of, to be sorted later. */

import { addToTray } from "./api.js";
import { el } from "./dom.js";
import { attempt } from "./notices.js";
import { texts } from "./texts.js";

const EVERY_MS = 1000;
let on = false;
let last = 0;

/** The switch for it. It stays as it is while other views are shown. */
export function makeUnsureSwitch() {
  const box = el("input", { type: "checkbox", role: "switch", class: "switch" });
  box.checked = on;
  box.addEventListener("change", () => (on = box.checked));
  return el(
    "label",
    { class: "unsure-switch" },
    box,
    el("span", {}, el("span", { text: texts.keepUnsure }), el("small", { text: texts.keepUnsureHint })),
  );
}

/**
 * Keeps a picture if the model did not know it, and none was kept within the last second.
 *
 * @param {import("./live.js").Answer} answer
 * @param {() => Promise<Blob>} frame
 */
export async function keepUnsure(answer, frame) {
  const now = performance.now();
  if (!on || answer.error || answer.label !== null || now - last < EVERY_MS) return;
  last = now;
  const picture = await frame();
  if (!(await attempt(() => addToTray(picture)))) last = now + 10 * EVERY_MS; // what was refused will be again
}
