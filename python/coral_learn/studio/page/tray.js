/** Pictures that the model was unsure of, waiting to be sorted. */

import { listTray, sortTray, trayPictureOf } from "./api.js";
import { button, el } from "./dom.js";
import { icon } from "./icons.js";
import { attempt } from "./notices.js";
import { makePhotoCard, makePhotoGrid, replaceKeepingFocus } from "./photo_card.js";
import { classNames, makeClassChoice } from "./sorting.js";
import { onState } from "./state.js";
import { texts } from "./texts.js";
import { FixedList, openViewer } from "./viewer.js";

const MAX_FIRST = 60;

/** @type {import("./router.js").View} */
export function trayView(main) {
  const body = el("div", {});
  main.append(
    el(
      "section",
      { class: "tray" },
      el("h1", { text: texts.trayTitle }),
      el("p", { class: "quiet", text: texts.trayText }),
      body,
    ),
  );
  let shown = null;
  const load = async () => {
    const answer = await attempt(listTray);
    if (answer && shown !== null) replaceKeepingFocus(body, contentOf(answer.photos.toSorted(byDoubt)));
  };
  const forget = onState((state) => {
    const now = `${state.version} ${state.tray}`;
    if (now === shown) return;
    shown = now;
    load();
  });
  return () => {
    shown = null;
    forget();
  };
}

/** Orders pictures by how much they would teach: those first of which it is least sure. */
const byDoubt = (one, other) => (one.probability ?? 1) - (other.probability ?? 1);

const sort = async (ids, name) => Boolean(await attempt(() => sortTray(ids, name)));

function contentOf(photos) {
  if (!photos.length) return [el("p", { class: "lead", text: texts.trayEmpty })];
  const open = (index) =>
    openViewer({
      list: new FixedList([...photos]),
      index,
      address: ({ id }) => trayPictureOf(id),
      describe: ({ suggested, probability }) =>
        suggested ? texts.traySuggested(suggested, probability) : texts.trayPicture,
      move: sort,
      drop: (ids) => sort(ids, null),
      dropText: texts.throwAway,
    });
  const bar = el(
    "div",
    { class: "tools" },
    button({ text: texts.sortOneByOne, kind: "button-main", press: () => open(0) }),
    button({
      icon: icon("remove"),
      text: texts.throwAllAway,
      press: () =>
        sort(
          photos.map(({ id }) => id),
          null,
        ),
    }),
  );
  return [
    bar,
    makePhotoGrid(photos, (photo, place) => card(photo, () => open(place)), {
      first: MAX_FIRST,
      moreText: texts.showMore,
    }),
  ];
}

function card({ id, suggested, probability }, open) {
  const others = classNames().filter((name) => name !== suggested);
  return makePhotoCard({
    source: trayPictureOf(id),
    label: texts.trayPicture,
    open,
    lines: [suggested ? el("strong", { text: texts.traySuggested(suggested, probability) }) : null],
    actions: [
      suggested &&
        button({ text: texts.itIs(suggested), kind: "button-small", press: () => sort([id], suggested) }),
      makeClassChoice(texts.sortInto, others, (name) => sort([id], name)),
      button({
        icon: icon("remove"),
        label: texts.throwAway,
        kind: "button-bare",
        press: () => sort([id], null),
      }),
    ],
  });
}
