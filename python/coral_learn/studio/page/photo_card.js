/** A picture with a line about it and what can be done, as the views to check and to sort show it. */

import { button, el } from "./dom.js";

/**
 * Makes the figure of a photo.
 *
 * @param {object} options
 * @param {string} options.source The address of the picture.
 * @param {string} options.label What opens, for screen readers.
 * @param {() => void} options.open
 * @param {(Node | null | false)[]} options.lines
 * @param {(Node | null | false)[]} options.actions
 * @returns {HTMLElement}
 */
export function makePhotoCard({ source, label, open, lines, actions }) {
  const image = el("img", { src: source, alt: "", loading: "lazy", decoding: "async" });
  image.addEventListener("error", () => image.replaceWith(el("span", { class: "no-picture" })), {
    once: true,
  });
  return el(
    "figure",
    { class: "photo" },
    el("button", { type: "button", class: "photo-open", "aria-label": label, on: { click: open } }, image),
    el("figcaption", {}, ...lines),
    el("div", { class: "photo-actions" }, ...actions),
  );
}

/**
 * Makes a grid of photos, and a button for more of them.
 *
 * @param {any[]} photos
 * @param {(photo: any, place: number) => HTMLElement} make
 * @param {{first: number, moreText: (number: number) => string}} options
 */
export function makePhotoGrid(photos, make, { first, moreText }) {
  const grid = el("div", { class: "photos" }, ...photos.slice(0, first).map(make));
  const box = el("div", {}, grid);
  if (photos.length <= first) return box;
  const more = button({
    text: moreText(photos.length - first),
    press: () => {
      grid.append(...photos.slice(first).map((photo, place) => make(photo, first + place)));
      grid.children[first].querySelector("button").focus();
      more.remove();
    },
  });
  box.append(more);
  return box;
}

/**
 * Replaces the content of an element, and gives the focus to what stands now where it was.
 *
 * @param {HTMLElement} box
 * @param {Node[]} content
 */
export function replaceKeepingFocus(box, content) {
  const places = () => [...box.querySelectorAll("button, a, select, input")];
  const place = places().indexOf(document.activeElement);
  box.replaceChildren(...content);
  if (place < 0) return;
  const next = places()[Math.min(place, places().length - 1)];
  if (next) next.focus({ preventScroll: true });
}
