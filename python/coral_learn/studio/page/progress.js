/** The bar under the header, while something takes time. */

import { el } from "./dom.js";
import { texts } from "./texts.js";

/** @type {Map<string, {done: number, total: number | null}>} */
const running = new Map();

/**
 * Tells how far something is.
 *
 * @param {string} what
 * @param {number} done
 * @param {number | null} total Null if unknown; reaching it ends the bar.
 */
export function showProgress(what, done, total) {
  running.delete(what);
  if (total === null || done < total) running.set(what, { done, total });
  render();
}

/** Ends all bars: whoever told about them is gone. */
export function forgetProgress() {
  running.clear();
  render();
}

function render() {
  const box = document.getElementById("progress");
  const last = [...running].at(-1);
  box.hidden = !last;
  if (!last) return box.replaceChildren();
  const [what, { done, total }] = last;
  if (!box.firstChild) box.append(el("progress"), el("span"));
  const [bar, line] = box.children;
  bar.setAttribute("aria-label", texts.progressOf(what));
  if (total === null) bar.removeAttribute("value");
  else Object.assign(bar, { max: total, value: done });
  line.textContent = texts.progress(what, done, total);
}
