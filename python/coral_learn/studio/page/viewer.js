/** A dialog with one picture at a time, to be sorted with one key each. */

import { pictureOf } from "./api.js";
import { openDialog } from "./dialog.js";
import { button, el, isTyping } from "./dom.js";
import { icon } from "./icons.js";
import { classNames, classOfKey, dropThem, moveThem } from "./sorting.js";
import { texts } from "./texts.js";

/**
 * @typedef {object} Sorting
 * @property {{total: number, get: (index: number) => Promise<any>, refresh: () => Promise<void>}} list
 * @property {number} [index] Where to begin.
 * @property {(index: number) => void} [current] Is told which picture is shown.
 * @property {HTMLElement} [back] Gets the focus at the end.
 * @property {(photo: any) => string} [address] Of a picture.
 * @property {(photo: any) => string} [describe] The line above the picture.
 * @property {(ids: string[], name: string) => Promise<boolean>} [move]
 * @property {(ids: string[]) => Promise<boolean>} [drop]
 * @property {string} [dropText]
 */

/** @param {Sorting} sorting */
export function openViewer({
  list,
  index = 0,
  current = () => {},
  back,
  address = ({ id }) => pictureOf(id),
  describe = ({ label }) => texts.isNow(label),
  move = moveThem,
  drop = dropThem,
  dropText = texts.drop,
}) {
  let photo = null;
  let busy = false;
  const image = el("img", { class: "viewer-picture" });
  const line = el("p", { class: "viewer-line", role: "status" });
  const position = el("p", { class: "quiet" });
  const classes = el("div", { class: "viewer-classes", role: "group", "aria-label": texts.sortInto });
  const step = (sign, label, by) =>
    button({ icon: icon(sign), label, kind: "button-bare", press: () => show(index + by) });
  const dialog = el(
    "dialog",
    { class: "dialog viewer", "aria-label": texts.sortInto },
    el(
      "div",
      { class: "viewer-head" },
      line,
      position,
      button({ icon: icon("close"), label: texts.close, kind: "button-bare", press: () => dialog.close() }),
    ),
    el(
      "div",
      { class: "viewer-stage" },
      step("back", texts.previous, -1),
      image,
      step("next", texts.nextPicture, 1),
    ),
    classes,
    el("p", { class: "quiet keys", text: texts.viewerKeys }),
  );

  const show = async (wanted) => {
    if (!list.total) return dialog.close();
    index = Math.max(0, Math.min(wanted, list.total - 1));
    photo = await list.get(index);
    if (!photo) return dialog.close();
    image.src = address(photo);
    image.alt = photo.label ? texts.pictureOf(photo.label) : texts.trayPicture;
    line.textContent = describe(photo);
    position.textContent = texts.position(index + 1, list.total);
    showClasses();
    current(index);
  };
  const sort = async (action) => {
    if (busy || !photo) return;
    busy = true;
    const done = await action([photo.id]);
    if (done) await list.refresh();
    busy = false;
    if (done) await show(index); // the next one has come to this place
  };
  const choose = (name) => (name === photo.label ? show(index + 1) : sort((ids) => move(ids, name)));
  const showClasses = () => {
    const names = classNames();
    const focused = [...classes.children].indexOf(document.activeElement);
    classes.replaceChildren(
      ...names.map((name, place) => {
        const key = place < 9 && el("kbd", { text: String(place + 1) });
        const isNow = name === photo.label;
        return el(
          "button",
          {
            type: "button",
            class: "button button-small",
            "aria-pressed": String(isNow),
            on: { click: () => choose(name) },
          },
          key,
          el("span", { text: name }),
        );
      }),
      button({ icon: icon("remove"), text: dropText, kind: "button-small", press: () => sort(drop) }),
    );
    classes.children[focused]?.focus();
  };

  dialog.addEventListener("keydown", (event) => {
    if (isTyping(event) || event.ctrlKey || event.metaKey) return;
    const name = classOfKey(event);
    const onButton = event.target.closest("button") && event.key === " ";
    if (name) choose(name);
    else if (event.key === "Delete" || event.key === "Backspace") sort(drop);
    else if (event.key === "ArrowRight" || (event.key === " " && !onButton)) show(index + 1);
    else if (event.key === "ArrowLeft") show(index - 1);
    else return;
    event.preventDefault();
  });
  dialog.tabIndex = -1;
  openDialog(dialog, () => back?.focus());
  dialog.focus(); // so that the space bar goes on, and presses no button
  show(index);
}

/** A list for the viewer of photos that are all known. Those that were sorted leave it. */
export class FixedList {
  /** @param {any[]} photos */
  constructor(photos) {
    this.photos = photos;
    this.last = null;
  }

  get total() {
    return this.photos.length;
  }

  async get(index) {
    this.last = this.photos[index];
    return this.last;
  }

  async refresh() {
    this.photos = this.photos.filter((photo) => photo !== this.last);
  }
}
