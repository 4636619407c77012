/** The newest state of the project that the server told, and who wants to know. */

/**
 * @typedef {{name: string, photos: number}} ClassState
 * @typedef {{value: number, interval: [number, number], tested: number}} Accuracy
 * @typedef {object} State
 * @property {number} version Grows with each change.
 * @property {string} project
 * @property {{input: [number, number]}} extractor
 * @property {string} device
 * @property {"originals" | "thumbnails" | "nothing"} keep
 * @property {ClassState[]} classes
 * @property {Accuracy | null} accuracy
 * @property {boolean} measured Whether the accuracy and the threshold are those of this model.
 * @property {number} threshold
 * @property {boolean} has_model
 * @property {string | null} undo
 * @property {string | null} redo
 * @property {number} tray
 * @property {{name: string} | null} camera
 * @property {{name: string, class: string | null}[]} folders That may be watched, and the class each one's pictures go into.
 * @property {{bytes: number, large_bytes: number, large_suffixes: string[]}} limits Of files; large ones are archives and videos.
 * @property {boolean} secure
 */

/** @type {State | null} */
let state = null;
/** @type {Set<(state: State) => void>} */
const listeners = new Set();

/** @returns {State | null} Null until the server has answered for the first time. */
export const currentState = () => state;

/**
 * Takes a state over.
 *
 * @param {State} next
 * @param {{restarted?: boolean}} [options] `restarted`: versions may have begun at 1 again.
 */
export function takeState(next, { restarted = false } = {}) {
  if (state && !restarted && isOlder(next, state)) return; // an answer that was overtaken
  state = next;
  for (const listener of [...listeners]) listener(next);
}

const isOlder = (one, other) =>
  one.version < other.version || (one.version === other.version && other.measured && !one.measured);

/**
 * Calls a function now, if there is a state, and with each new one.
 *
 * @param {(state: State) => void} listener
 * @returns {() => void} Ends it.
 */
export function onState(listener) {
  listeners.add(listener);
  if (state) listener(state);
  return () => listeners.delete(listener);
}
