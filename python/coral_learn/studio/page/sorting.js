/** Moving and dropping photos, and saying so. */

import { dropPhotos, movePhotos } from "./api.js";
import { el } from "./dom.js";
import { attempt, notify } from "./notices.js";
import { currentState } from "./state.js";
import { texts } from "./texts.js";

/** @returns {Promise<boolean>} Whether it was done. */
export async function moveThem(ids, className) {
  const done = Boolean(await attempt(() => movePhotos(ids, className)));
  if (done) notify(texts.movedPhotos(ids.length, className));
  return done;
}

/** @returns {Promise<boolean>} Whether it was done. */
export async function dropThem(ids) {
  const done = Boolean(await attempt(() => dropPhotos(ids)));
  if (done) notify(texts.droppedPhotos(ids.length));
  return done;
}

/** Returns the names of the classes now. */
export const classNames = () => currentState()?.classes.map(({ name }) => name) ?? [];

/** Returns the class that a number key stands for, or undefined. */
export function classOfKey({ key, ctrlKey, metaKey, altKey }) {
  if (ctrlKey || metaKey || altKey || !/^[1-9]$/.test(key)) return undefined;
  return classNames()[Number(key) - 1];
}

/**
 * Makes a list to choose a class from, which acts at once and then shows its first line again.
 *
 * @param {string} label
 * @param {string[]} names
 * @param {(name: string) => void} choose
 */
export function makeClassChoice(label, names, choose) {
  const options = names.map((name) => el("option", { value: name, text: name }));
  const select = el("select", { "aria-label": label }, el("option", { value: "", text: label }), ...options);
  select.addEventListener("change", () => {
    const name = select.value;
    select.selectedIndex = 0;
    if (name) choose(name);
  });
  return select;
}
