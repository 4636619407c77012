/** The card of a class: its newest pictures, and every way to add more. */

import { addFiles } from "./adding.js";
import { listPhotos, thumbnailOf } from "./api.js";
import { makeCardHead } from "./card_head.js";
import { acceptDrops, clipboardPictures } from "./dropped.js";
import { addressOf, button, el } from "./dom.js";
import { icon } from "./icons.js";
import { attempt, notify } from "./notices.js";
import { makeRecorder } from "./recorder.js";
import { texts } from "./texts.js";

const MAX_THUMBNAILS = 6;
const FEW = 10;
const SETTLE_MS = 250;

/**
 * Makes the card of a class.
 *
 * @param {string} name
 * @returns {{name: string, element: HTMLElement, update: (state: import("./state.js").ClassState, version: number) => void,
 *   end: () => void}}
 */
export function makeCard(name) {
  const head = makeCardHead(name);
  const pictures = el("div", { class: "card-pictures" });
  const note = el("p", { class: "card-note" });
  const camera = el("div", { class: "card-camera" });
  const element = el(
    "article",
    { class: "card", "aria-labelledby": head.id, data: { name } },
    head.element,
    pictures,
    note,
    camera,
    makeActions(name, camera),
    el("div", { class: "drop-sign", "aria-hidden": "true", text: texts.dropHere(name) }),
  );
  acceptDrops(element, (found) => {
    if (!found.length) notify(texts.nothingDropped, { error: true });
    addFiles(
      name,
      found.map(({ file }) => file),
    );
  });

  let shown = null;
  let timer;
  const update = ({ photos }, version) => {
    head.update(photos);
    note.textContent = photos === 0 ? texts.noPictures : photos < FEW ? texts.fewPictures(photos) : "";
    note.hidden = !note.textContent;
    if (version === shown) return;
    clearTimeout(timer);
    timer = setTimeout(() => showNewest(pictures, name, photos), shown === null ? 0 : SETTLE_MS);
    shown = version;
  };
  const end = () => {
    clearTimeout(timer);
    camera.firstChild?.dispatchEvent(new CustomEvent("end"));
  };
  return { name, element, update, end };
}

async function showNewest(box, name, total) {
  const photos = total ? (await attempt(() => listPhotos(name, 0, MAX_THUMBNAILS)))?.photos : [];
  if (!photos) return;
  const images = photos.map(({ id, has_picture: kept }) =>
    kept
      ? el("img", { src: thumbnailOf(id), alt: "", loading: "lazy", decoding: "async" })
      : el("span", { class: "no-picture" }),
  );
  const link =
    total &&
    el(
      "a",
      { href: addressOf("class", name), class: "card-thumbnails", "aria-label": texts.seeAll(name, total) },
      ...images,
    );
  box.replaceChildren(...(link ? [link] : []));
}

function makeActions(name, camera) {
  const chooser = (attributes) => {
    const input = el("input", { type: "file", multiple: true, hidden: true, ...attributes });
    input.addEventListener("change", async () => {
      const files = [...input.files].filter((file) => !file.name.startsWith("."));
      input.value = ""; // so that the same files can be chosen again
      await addFiles(name, files);
    });
    return input;
  };
  const files = chooser({ accept: "image/*,video/*,.zip,.heic,.heif,.avif" });
  const folder = chooser({ webkitdirectory: true });
  const phone = chooser({ accept: "image/*", capture: "environment", multiple: false });
  const action = (sign, text, press, kind = "") =>
    button({ icon: icon(sign), text, kind: `button-small button-tall ${kind}`, press });
  const open = action("camera", texts.camera, () => toggleCamera(open, camera, name));
  open.setAttribute("aria-expanded", "false");
  return el(
    "div",
    { class: "card-actions", role: "group", "aria-label": texts.actions(name) },
    open,
    action("files", texts.files, () => files.click()),
    action("folder", texts.folder, () => folder.click(), "not-on-phones"),
    action("phone", texts.phone, () => phone.click(), "on-phones"),
    action("paste", texts.paste, () => paste(name), "not-on-phones"),
    files,
    folder,
    phone,
  );
}

function toggleCamera(pressed, box, name) {
  if (box.firstChild) return box.firstChild.dispatchEvent(new CustomEvent("end"));
  const recorder = makeRecorder(name);
  pressed.setAttribute("aria-expanded", "true");
  recorder.addEventListener("end", () => {
    pressed.setAttribute("aria-expanded", "false");
    recorder.remove();
  });
  box.append(recorder);
}

async function paste(name) {
  let pictures;
  try {
    pictures = await clipboardPictures();
  } catch {
    return notify(texts.pasteRefused, { error: true });
  }
  if (!pictures.length) return notify(texts.nothingToPaste, { error: true });
  await addFiles(name, pictures);
}
