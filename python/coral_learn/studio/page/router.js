/** Which view the address asks for. Views replace each other in the main part of the page. */

import { texts } from "./texts.js";
import { currentState } from "./state.js";

/**
 * @typedef {(main: HTMLElement, ...parameters: string[]) => (() => void)} View Fills the main part; what it returns is
 *   called before the next view.
 */

let leave = () => {};

/**
 * Shows the view of the address, now and whenever it changes.
 *
 * @param {Record<string, View>} views By the first part of the address, "" for the start.
 */
export function startRouter(views) {
  const show = (focus) => {
    const [name, ...parameters] = partsOfAddress();
    const main = document.getElementById("main");
    leave();
    main.replaceChildren();
    leave = (views[name] ?? views[""])(main, ...parameters);
    document.title = texts.title(currentState()?.project, name, parameters[0]);
    document.dispatchEvent(new CustomEvent("view", { detail: name }));
    if (focus) focusView(main);
  };
  addEventListener("hashchange", () => show(true));
  show(false);
}

function partsOfAddress() {
  try {
    return location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  } catch {
    return [""]; // a % that stands for nothing
  }
}

/** Takes screen readers and the keyboard to what is new. */
function focusView(main) {
  const heading = main.querySelector("h1");
  if (!heading) return main.focus();
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
  scrollTo(0, 0);
}
