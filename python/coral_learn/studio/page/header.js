/** The top of the page: the project, the views, undo and redo, how good it is, and the way out. */

import { redo, undo } from "./api.js";
import { addressOf, button, el, isTyping } from "./dom.js";
import { icon } from "./icons.js";
import { attempt } from "./notices.js";
import { currentState, onState } from "./state.js";
import { openTakeAway } from "./takeaway.js";
import { texts } from "./texts.js";

/** Fills the header, and keeps it as the state is. */
export function startHeader() {
  const name = el("span", { class: "header-project" });
  const home = el("a", { href: "#/", class: "header-home" }, el("img", { src: "/page/icon.svg", alt: "", width: 28, height: 28 }), name);
  const links = {
    "": el("a", { href: "#/", text: texts.teach }),
    check: el("a", { href: addressOf("check") }, texts.check, el("span", { class: "badge badge-soft", hidden: true })),
    tray: el("a", { href: addressOf("tray") }, texts.tray, el("span", { class: "badge", hidden: true })),
  };
  const back = button({ icon: icon("undo"), label: texts.undo(null), kind: "button-bare", press: () => step(undo, "undo") });
  const forth = button({ icon: icon("redo"), label: texts.redo(null), kind: "button-bare", press: () => step(redo, "redo") });
  const take = button({ icon: icon("download"), text: texts.takeAway, kind: "button-main", press: openTakeAway });
  document
    .getElementById("header")
    .append(
      home,
      el("nav", { class: "header-nav", "aria-label": texts.navigation }, ...Object.values(links)),
      el("div", { class: "header-end" }, back, forth, take),
    );

  document.addEventListener("view", ({ detail }) => {
    const current = detail === "class" ? "" : detail;
    for (const [view, link] of Object.entries(links)) {
      if (view === current) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  });
  onState((state) => {
    name.textContent = state.project;
    showBadge(links.tray, state.tray ? String(state.tray) : "", texts.trayCount(state.tray));
    const { accuracy } = state;
    showBadge(links.check, accuracy ? texts.percent(accuracy.value) : "", accuracy && texts.accuracyLabel(accuracy.value));
    showStep(back, state.undo, texts.undo(state.undo));
    showStep(forth, state.redo, texts.redo(state.redo));
    take.disabled = !state.has_model;
  });
  document.addEventListener("keydown", pressUndoKeys);
}

function showBadge(link, text, label) {
  const badge = link.querySelector(".badge");
  badge.hidden = !text;
  badge.textContent = text;
  if (text) link.setAttribute("aria-label", label);
  else link.removeAttribute("aria-label");
}

/** Marks a button as having nothing to do, and leaves it in reach of the keyboard's focus. */
function showStep(pressed, what, label) {
  pressed.setAttribute("aria-disabled", String(!what));
  pressed.setAttribute("aria-label", label);
  pressed.title = label;
}

function pressUndoKeys(event) {
  if (!(event.ctrlKey || event.metaKey) || event.altKey || isTyping(event)) return;
  const key = event.key.toLowerCase();
  const isRedo = key === "y" || (key === "z" && event.shiftKey);
  if (!isRedo && key !== "z") return;
  event.preventDefault();
  if (isRedo) step(redo, "redo");
  else step(undo, "undo");
}

function step(request, which) {
  if (currentState()?.[which]) attempt(request);
}
