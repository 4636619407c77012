/** The view to teach in: the classes as cards, and what the model sees. */

import { addClass } from "./api.js";
import { addFiles } from "./adding.js";
import { makeCard } from "./card.js";
import { acceptDrops, pastedFiles } from "./dropped.js";
import { button, el, isTyping } from "./dom.js";
import { icon } from "./icons.js";
import { attempt, notify } from "./notices.js";
import { makeFolders } from "./folders.js";
import { makePreview } from "./preview.js";
import { currentState, onState } from "./state.js";
import { texts } from "./texts.js";
import { makeWelcome } from "./welcome.js";

/** @type {import("./router.js").View} */
export function teachView(main) {
  const cards = new Map();
  let preview = null;
  const list = el("div", { class: "cards" });
  const extra = el("div", { class: "cards-end" });
  const suggestion = makeSuggestion();
  const folders = makeFolders();

  const showWelcome = () => {
    preview?.end();
    preview = null;
    for (const card of cards.values()) card.end();
    cards.clear();
    list.replaceChildren();
    main.replaceChildren(makeWelcome());
  };
  const showCards = () => {
    preview = makePreview();
    const heading = el(
      "div",
      { class: "section-head" },
      el("h1", { text: texts.showTitle }),
      el("p", { text: texts.showText }),
    );
    main.replaceChildren(
      el(
        "div",
        { class: "teach" },
        el("section", { "aria-label": texts.showTitle }, heading, list, extra, makeJump(preview.element)),
        preview.element,
      ),
    );
    extra.replaceChildren(makeNewClass(), suggestion, folders.element);
  };
  const render = (state) => {
    if (!state.classes.length) {
      if (preview || !main.firstChild) showWelcome();
      return;
    }
    const first = !preview;
    const hadFocus = main.contains(document.activeElement);
    if (first) showCards();
    updateCards(list, cards, state);
    if (first && hadFocus) list.querySelector(".card-actions button").focus();
    suggestion.hidden = !wantsSuggestion(state);
    folders.update(state);
  };
  const paste = (event) => {
    const files = pastedFiles(event);
    if (!files.length || isTyping(event)) return;
    const card =
      [...cards.values()].find(({ element }) => element.contains(document.activeElement)) ??
      [...cards.values()].at(-1);
    if (card) addFiles(card.name, files);
  };

  const forget = onState(render);
  if (!main.firstChild) main.append(el("p", { class: "quiet", text: texts.loading }));
  document.addEventListener("paste", paste);
  return () => {
    forget();
    document.removeEventListener("paste", paste);
    for (const card of cards.values()) card.end();
    preview?.end();
  };
}

function updateCards(list, cards, state) {
  const names = new Set(state.classes.map(({ name }) => name));
  for (const [name, card] of cards) {
    if (names.has(name)) continue;
    card.end();
    card.element.remove();
    cards.delete(name);
  }
  state.classes.forEach((one, place) => {
    if (!cards.has(one.name)) cards.set(one.name, makeCard(one.name));
    const { element, update } = cards.get(one.name);
    if (list.children[place] !== element) list.insertBefore(element, list.children[place] ?? null);
    update(one, state.version);
  });
}

/** The way to the preview where it is under the cards. */
function makeJump(preview) {
  const jump = button({
    icon: icon("down"),
    text: texts.goToPreview,
    kind: "button-main jump",
    press: () => {
      preview.scrollIntoView({ block: "start" });
      preview.querySelector("button").focus({ preventScroll: true });
    },
  });
  new IntersectionObserver(([{ isIntersecting }]) => (jump.hidden = isIntersecting)).observe(preview);
  return jump;
}

/** Two classes that have pictures, and none for everything else. */
function wantsSuggestion({ classes }) {
  return (
    classes.filter(({ photos }) => photos).length >= 2 &&
    !classes.some(({ name }) => name === texts.noneOfThese)
  );
}

function makeSuggestion() {
  const add = button({
    icon: icon("add"),
    text: texts.addSuggestion,
    press: () => attempt(() => addClass(texts.noneOfThese)),
  });
  return el("div", { class: "suggestion", hidden: true }, el("p", { text: texts.suggestion }), add);
}

/** The form for one more class. A folder of class folders can be dropped on it. */
export function makeNewClass({ label = texts.newClass } = {}) {
  const name = el("input", {
    type: "text",
    required: true,
    maxlength: 100,
    placeholder: texts.newClassHint,
    autocomplete: "off",
  });
  const form = el(
    "form",
    { class: "new-class" },
    el("label", {}, el("span", { text: label }), name),
    el("button", { type: "submit", class: "button" }, icon("add"), el("span", { text: texts.addClass })),
    el("p", { class: "quiet not-on-phones", text: texts.dropClasses }),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (await attempt(() => addClass(name.value.trim()))) name.value = "";
  });
  acceptDrops(form, addFolders);
  return form;
}

/** Makes a class of each folder. */
async function addFolders(found) {
  const folders = new Map();
  for (const { file, folder } of found) {
    if (folder) folders.set(folder, [...(folders.get(folder) ?? []), file]);
  }
  if (!folders.size) notify(texts.noFolders, { error: true });
  for (const [name, files] of folders) {
    const known = currentState().classes.some((one) => one.name === name);
    if (known || (await attempt(() => addClass(name)))) await addFiles(name, files);
  }
}
