/** All pictures of a class: looked through, selected, moved and dropped. */

import { thumbnailOf } from "./api.js";
import { button, el } from "./dom.js";
import { acceptDrops, pastedFiles } from "./dropped.js";
import { addFiles } from "./adding.js";
import { Grid } from "./grid.js";
import { icon } from "./icons.js";
import { PhotoPages } from "./photo_pages.js";
import { Selection } from "./selection.js";
import { classNames, classOfKey, dropThem, makeClassChoice, moveThem } from "./sorting.js";
import { onState } from "./state.js";
import { texts } from "./texts.js";
import { openViewer } from "./viewer.js";

/** @type {import("./router.js").View} */
export function galleryView(main, name) {
  const selection = new Selection(() => show());
  const pages = new PhotoPages(name, () => show());
  const grid = new Grid({
    label: texts.galleryOf(name),
    fill: (cell, index) => fillCell(cell, pages.at(index), index, name, selection),
  });
  const number = el("span", { class: "quiet" });
  const tools = el("div", { class: "tools" });
  const empty = el("p", { class: "quiet", hidden: true, text: texts.empty });
  const head = el(
    "div",
    { class: "gallery-head" },
    el("a", { href: "#/", class: "back" }, icon("back"), el("span", { text: texts.back })),
    el("h1", { text: name }),
    number,
  );
  main.append(
    el(
      "section",
      { class: "gallery", "aria-label": texts.galleryOf(name) },
      head,
      tools,
      empty,
      grid.element,
      el("div", { class: "drop-sign", "aria-hidden": "true", text: texts.dropHere(name) }),
    ),
  );

  const idsToSort = async () =>
    selection.size ? selection.ids() : [pages.at(grid.active)?.id].filter(Boolean);
  const move = async (to) => {
    const ids = await idsToSort();
    if (to !== name && ids.length && (await moveThem(ids, to))) selection.clear();
  };
  const drop = async () => {
    const ids = await idsToSort();
    if (ids.length && (await dropThem(ids))) selection.clear();
  };
  const selectAll = async () => selection.add(await pages.ids(0, pages.total - 1));
  const open = (index) =>
    openViewer({ list: pages, index, current: (at) => grid.activate(at), back: grid.element });
  const show = () => {
    number.textContent = texts.pictures(pages.total);
    empty.hidden = pages.total > 0;
    grid.element.hidden = pages.total === 0;
    grid.show(pages.total);
    showTools(tools, selection, { name, move, drop, selectAll });
  };

  grid.element.addEventListener("click", async (event) => {
    const index = grid.indexOf(event);
    if (index === null) return;
    const from = grid.active;
    grid.activate(index);
    const photo = pages.at(index);
    if (event.shiftKey) selection.add(await pages.ids(Math.min(from, index), Math.max(from, index)));
    else if (photo && (selection.size || event.ctrlKey || event.metaKey || event.target.closest(".tick")))
      selection.toggle(photo.id);
    else if (photo) open(index);
  });
  grid.element.addEventListener("keydown", async (event) => {
    const to = classOfKey(event);
    const target = grid.target(event.key);
    const isCommand = event.ctrlKey || event.metaKey;
    if (target !== null) {
      if (event.shiftKey)
        selection.add(await pages.ids(Math.min(grid.active, target), Math.max(grid.active, target)));
      grid.activate(target);
    } else if (event.key === "Enter") open(grid.active);
    else if (event.key === " ") selection.toggle(pages.at(grid.active)?.id);
    else if (event.key === "Delete" || event.key === "Backspace") drop();
    else if (event.key === "Escape") selection.clear();
    else if (isCommand && event.key.toLowerCase() === "a") selectAll();
    else if (to) move(to);
    else return;
    event.preventDefault();
  });
  acceptDrops(main.firstChild, (found) =>
    addFiles(
      name,
      found.map(({ file }) => file),
    ),
  );
  const paste = (event) => addFiles(name, pastedFiles(event));
  document.addEventListener("paste", paste);

  let version = null;
  const forget = onState((state) => {
    if (!state.classes.some((one) => one.name === name)) {
      main.replaceChildren(
        el("h1", { text: texts.noClass(name) }),
        el("p", {}, el("a", { href: "#/", text: texts.back })),
      );
    } else if (version !== state.version) {
      version = state.version;
      pages.refresh();
    }
  });
  return () => {
    forget();
    grid.end();
    document.removeEventListener("paste", paste);
  };
}

function fillCell(cell, photo, index, name, selection) {
  const selected = Boolean(photo && selection.has(photo.id));
  cell.setAttribute("aria-selected", String(selected));
  cell.setAttribute("aria-label", texts.photo(index + 1, name));
  const key = photo ? photo.id : "";
  if (cell.dataset.photo === key) return;
  cell.dataset.photo = key;
  if (!photo) return cell.replaceChildren();
  const picture = photo.has_picture
    ? el("img", { alt: "", decoding: "async", data: { src: thumbnailOf(photo.id) } })
    : el("span", { class: "no-picture", text: texts.noThumbnail });
  cell.replaceChildren(picture, el("span", { class: "tick", "aria-hidden": "true" }, icon("check")));
}

function showTools(box, selection, { name, move, drop, selectAll }) {
  const others = classNames().filter((one) => one !== name);
  if (!selection.size) {
    box.replaceChildren(
      button({ text: texts.selectAll, kind: "button-small", press: selectAll }),
      el("p", { class: "quiet keys", text: texts.galleryKeys }),
    );
    return;
  }
  box.replaceChildren(
    el("strong", { role: "status", text: texts.selected(selection.size) }),
    ...(others.length ? [makeClassChoice(texts.moveTo, others, move)] : []),
    button({ icon: icon("remove"), text: texts.drop, kind: "button-small", press: drop }),
    button({ text: texts.selectNone, kind: "button-small", press: () => selection.clear() }),
    button({ text: texts.selectAll, kind: "button-small", press: selectAll }),
  );
}
