/** Short messages at the bottom of the page, read aloud politely. */

import { Refusal } from "./api.js";
import { button, el, withCode } from "./dom.js";
import { icon } from "./icons.js";
import { texts } from "./texts.js";

const SECONDS = 7;
const MAX_NOTICES = 4;

/**
 * Shows a message. Errors stay until they are closed.
 *
 * @param {string} text
 * @param {{error?: boolean}} [options]
 */
export function notify(text, { error = false } = {}) {
  const list = document.querySelector("dialog[open] .notices") ?? document.getElementById("notices");
  const notice = el(
    "div",
    { class: error ? "notice notice-error" : "notice", data: { text } },
    el("p", {}, ...withCode(text)),
  );
  const close = () => notice.remove();
  notice.append(button({ icon: icon("close"), label: texts.close, kind: "button-bare", press: close }));
  for (const same of [...list.children]) if (same.dataset.text === text) same.remove();
  list.append(notice);
  while (list.children.length > MAX_NOTICES) list.firstChild.remove();
  if (!error) closeLater(notice, close);
}

function closeLater(notice, close) {
  let timer = setTimeout(close, SECONDS * 1000);
  notice.addEventListener("pointerenter", () => clearTimeout(timer));
  notice.addEventListener("pointerleave", () => (timer = setTimeout(close, SECONDS * 1000)));
}

/**
 * Runs something that the server may refuse, and shows the refusal.
 *
 * @template T
 * @param {() => Promise<T>} action
 * @returns {Promise<T | undefined>} Undefined if it was refused.
 */
export async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    notify(error.message, { error: true });
    return undefined;
  }
}
