/** Making elements. Text always becomes text: nothing here reads HTML. */

/**
 * Makes an element.
 *
 * @param {string} tag
 * @param {Record<string, any>} [attributes] `class`, `text`, `on` (listeners by event), `data` (data attributes);
 *   everything else is an attribute: true sets it, and false, null and undefined leave it out.
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {any} An HTMLElement of this tag.
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (name === "text") element.textContent = value;
    else if (name === "data") Object.assign(element.dataset, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

/**
 * Makes a button with an icon, a text, or both.
 *
 * @param {{icon?: Node, text?: string, label?: string, kind?: string, press: (event: Event) => void}} options `label` is
 *   for a button without a text.
 * @returns {HTMLButtonElement}
 */
export function button({ icon, text, label, kind = "", press }) {
  return el(
    "button",
    { type: "button", class: `button ${kind}`, "aria-label": label, title: label, on: { click: press } },
    icon,
    text && el("span", { text }),
  );
}

/** Returns a text as nodes, with what is between backticks as code. */
export const withCode = (text) =>
  text.split("`").map((part, place) => (place % 2 ? el("code", { text: part }) : part));

let lastId = 0;

/** Returns an id that no other element has. */
export function newId(prefix = "id") {
  lastId += 1;
  return `${prefix}-${lastId}`;
}

/** Whether keys that are pressed now go into a text. */
export function isTyping(event) {
  const target = event.target;
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

/** Returns the address of a view within the page. */
export const addressOf = (...parts) => `#/${parts.map(encodeURIComponent).join("/")}`;
