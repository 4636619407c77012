/** The head of a class's card: its name, how many pictures it has, and the ways to rename and remove it. */

import { removeClass, renameClass } from "./api.js";
import { addressOf, button, el, newId } from "./dom.js";
import { icon } from "./icons.js";
import { attempt, notify } from "./notices.js";
import { texts } from "./texts.js";

/**
 * Makes the head.
 *
 * @param {string} name
 * @returns {{element: HTMLElement, id: string, update: (photos: number) => void}} `id` is that of the name.
 */
export function makeCardHead(name) {
  const id = newId("class");
  const number = el("span", { class: "card-count" });
  const element = el("header", { class: "card-head" });
  const showName = () => {
    element.replaceChildren(
      el("h2", { id }, el("a", { href: addressOf("class", name), text: name })),
      number,
      button({ icon: icon("rename"), label: texts.rename(name), kind: "button-bare", press: showForm }),
      button({
        icon: icon("remove"),
        label: texts.remove(name),
        kind: "button-bare",
        press: () => remove(name),
      }),
    );
  };
  const showForm = () => {
    const form = makeForm(name, () => {
      showName();
      element.querySelector("button").focus();
    });
    element.replaceChildren(el("h2", { id, class: "hidden-text", text: name }), form);
    form.querySelector("input").select();
  };
  showName();
  return { element, id, update: (photos) => (number.textContent = texts.pictures(photos)) };
}

function makeForm(name, close) {
  const input = el("input", {
    type: "text",
    required: true,
    maxlength: 100,
    "aria-label": texts.newName(name),
    autocomplete: "off",
  });
  input.value = name;
  const form = el(
    "form",
    { class: "rename" },
    input,
    el("button", { type: "submit", class: "button button-small", text: texts.save }),
    button({ icon: icon("close"), label: texts.cancel, kind: "button-bare", press: close }),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const to = input.value.trim();
    if (to === name) return close();
    if (to && (await attempt(() => renameClass(name, to)))) focusCard(to);
  });
  form.addEventListener("keydown", (event) => event.key === "Escape" && close());
  return form;
}

function focusCard(name) {
  for (const card of document.querySelectorAll(".card"))
    if (card.dataset.name === name) card.querySelector("button").focus();
}

async function remove(name) {
  if (!(await attempt(() => removeClass(name)))) return;
  notify(texts.removed(name));
  document.getElementById("main").focus(); // the button that had it is gone
}
