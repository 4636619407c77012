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
  const home = el(
    "a",
    { href: "#/", class: "header-home" },
    el("img", { src: "/page/icon.svg", alt: "", width: 28, height: 28 }),
    name,
  );
  const links = {
    "": el("a", { href: "#/", text: texts.teach }),
    check: makeLink("check", texts.check, "badge badge-soft", texts.accuracyMeans),
    tray: makeLink("tray", texts.tray, "badge", texts.trayMeans),
  };
  const back = button({
    icon: icon("undo"),
    label: texts.undo(null),
    kind: "button-bare",
    press: () => step(undo, "undo"),
  });
  const forth = button({
    icon: icon("redo"),
    label: texts.redo(null),
    kind: "button-bare",
    press: () => step(redo, "redo"),
  });
  const take = button({
    icon: icon("download"),
    text: texts.takeAway,
    kind: "button-main",
    press: openTakeAway,
  });
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
    showBadge(links.tray, state.tray ? String(state.tray) : "");
    showBadge(links.check, state.accuracy ? texts.percent(state.accuracy.value) : "");
    if (!state.measured) showBadge(links.check, texts.measuringBadge, texts.measuring);
    showStep(back, state.undo, texts.undo(state.undo));
    showStep(forth, state.redo, texts.redo(state.redo));
    take.disabled = !state.has_model;
  });
  document.addEventListener("keydown", pressUndoKeys);
}

/** A link to a view, with a figure whose meaning is for screen readers only: the place says it to the others. */
function makeLink(view, text, kind, meaning) {
  const badge = el(
    "span",
    { hidden: true },
    el("span", { class: kind }),
    el("span", { class: "hidden-text", text: ` ${meaning}` }),
  );
  badge.dataset.meaning = meaning;
  return el("a", { href: addressOf(view) }, el("span", { text: `${text} ` }), badge);
}

function showBadge(link, text, meaning = link.lastChild.dataset.meaning) {
  link.lastChild.hidden = !text;
  link.lastChild.firstChild.textContent = text;
  link.lastChild.lastChild.textContent = ` ${meaning}`;
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
