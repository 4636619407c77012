/** How good the model is, in words, and the pictures that say so. */

import { confirmPhotos, readQuality, thumbnailOf } from "./api.js";
import { button, el, withCode } from "./dom.js";
import { icon } from "./icons.js";
import { makeMatrix } from "./matrix.js";
import { attempt, notify } from "./notices.js";
import { makePhotoCard, makePhotoGrid, replaceKeepingFocus } from "./photo_card.js";
import { dropThem, moveThem } from "./sorting.js";
import { currentState, onState } from "./state.js";
import { texts } from "./texts.js";
import { FixedList, openViewer } from "./viewer.js";

const WIDE = 0.2;
const SETTLE_MS = 300;
const MAX_FIRST = 24;

/** @type {import("./router.js").View} */
export function checkView(main) {
  const body = el("div", { class: "check-body" });
  main.append(el("section", { class: "check" }, el("h1", { text: texts.checkTitle }), body));
  const cell = { label: null, named: null }; // of the matrix, whose pictures are shown
  let quality = null;
  let version = null;
  let timer;

  const choose = (label, named) => {
    Object.assign(cell, { label, named });
    render();
    document.getElementById("wrong").scrollIntoView({ block: "start" });
    document.getElementById("wrong").focus({ preventScroll: true });
  };
  const render = () => {
    body.removeAttribute("aria-busy");
    replaceKeepingFocus(
      body,
      quality
        ? sectionsOf(quality, cell, choose)
        : [el("p", { class: "lead", text: texts.needsModel })],
    );
  };
  const load = async (asked) => {
    const answer = currentState().has_model ? await attempt(readQuality) : null;
    if (asked !== version || answer === undefined) return body.removeAttribute("aria-busy");
    quality = answer;
    render();
  };
  const forget = onState((state) => {
    if (state.version === version) {
      if (quality && state.measured && !body.hasAttribute("aria-busy")) render();
      return;
    }
    clearTimeout(timer);
    body.setAttribute("aria-busy", "true");
    timer = setTimeout(load, version === null ? 0 : SETTLE_MS, state.version);
    version = state.version;
  });
  return () => {
    version = null;
    clearTimeout(timer);
    forget();
  };
}

function sectionsOf(quality, cell, choose) {
  const { accuracy, measured } = currentState();
  return [
    measured ? accuracy && headline(accuracy) : el("p", { class: "lead", text: texts.measuring }),
    quality.advice.length &&
      section(
        texts.adviceTitle,
        null,
        el("ol", { class: "advice" }, ...quality.advice.map((text) => el("li", {}, ...withCode(text)))),
      ),
    doubtfulSection(quality),
    section(texts.matrixTitle, texts.matrixText, makeMatrix(quality, choose)),
    wrongSection(quality, cell, choose),
  ].filter(Boolean);
}

function headline(accuracy) {
  const [low, high] = accuracy.interval;
  return el(
    "div",
    { class: "headline" },
    el("p", { class: "headline-figure", text: texts.headline(accuracy) }),
    el("p", { class: "lead", text: texts.verdict(accuracy) }),
    high - low > WIDE && el("p", { class: "quiet", text: texts.wideInterval }),
  );
}

function section(title, text, ...content) {
  return el("section", {}, el("h2", { text: title }), text && el("p", { class: "quiet", text }), ...content);
}

function doubtfulSection({ doubtful: photos }) {
  if (!photos.length) return section(texts.doubtfulTitle, texts.doubtfulNone);
  const confirm = async ({ id }) => {
    if (await attempt(() => confirmPhotos([id]))) notify(texts.confirmed);
  };
  const make = (photo, place) =>
    card(
      photos,
      place,
      texts.labelIs(photo.label, photo.probability),
      texts.looksLike(photo.suggested),
      photo.suggested,
      button({ text: texts.labelIsRight, kind: "button-small", press: () => confirm(photo) }),
    );
  return section(texts.doubtfulTitle, texts.doubtfulText, grid(photos, make));
}

function wrongSection({ wrong }, cell, choose) {
  const photos = cell.label
    ? wrong.filter(({ label, named }) => label === cell.label && named === cell.named)
    : wrong;
  const title = cell.label ? texts.wrongCell(cell.label, cell.named) : texts.wrongTitle;
  const make = (photo, place) =>
    card(photos, place, photo.label, texts.namedAs(photo.named, photo.probability), photo.named);
  return el(
    "section",
    {},
    el("h2", { id: "wrong", tabindex: -1, text: title }),
    el("p", { class: "quiet", text: photos.length ? texts.wrongText : texts.wrongNone }),
    cell.label && button({ text: texts.showAllWrong, kind: "button-small", press: () => choose(null, null) }),
    grid(photos, make),
  );
}

const grid = (photos, make) => makePhotoGrid(photos, make, { first: MAX_FIRST, moreText: texts.showMore });

function card(photos, place, label, line, other, ...actions) {
  const photo = photos[place];
  return makePhotoCard({
    source: thumbnailOf(photo.id),
    label: texts.openPicture(photo.label),
    open: () => openViewer({ list: new FixedList([...photos]), index: place }),
    lines: [el("strong", { text: label }), el("span", { class: "named", text: line })],
    actions: [
      button({ text: texts.itIs(other), kind: "button-small", press: () => moveThem([photo.id], other) }),
      ...actions,
      button({
        icon: icon("remove"),
        label: texts.drop,
        kind: "button-bare",
        press: () => dropThem([photo.id]),
      }),
    ],
  });
}
