/** Opening a dialog over the page. */

import { el } from "./dom.js";

/**
 * Opens a dialog, and removes it when it is closed.
 *
 * @param {HTMLDialogElement} dialog
 * @param {() => void} [closed]
 */
export function openDialog(dialog, closed = () => {}) {
  // What is beside a modal dialog is out of reach, so notices come into it.
  const notices = el("div", { class: "notices", role: "status", "aria-live": "polite" });
  dialog.append(notices);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside it
  dialog.addEventListener("close", () => {
    document.getElementById("notices").append(...notices.children);
    dialog.remove();
    closed();
  });
  document.body.append(dialog);
  dialog.showModal();
}
