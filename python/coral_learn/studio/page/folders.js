/** The folders of the studio's machine whose new pictures go into classes. */

import { watchFolder } from "./api.js";
import { el, withCode } from "./dom.js";
import { attempt } from "./notices.js";
import { currentState } from "./state.js";
import { texts } from "./texts.js";

/**
 * Makes the list of the folders.
 *
 * @returns {{element: HTMLElement, update: (state: import("./state.js").State) => void}}
 */
export function makeFolders() {
  const rows = el("div", { class: "folder-rows" });
  const text = el("p", { class: "quiet" });
  const title = el("h2", { text: texts.foldersTitle });
  const element = el("section", { class: "folders", "aria-label": texts.foldersTitle }, title, text, rows);
  const update = ({ folders, classes }) => {
    title.hidden = !folders.length;
    text.replaceChildren(...withCode(folders.length ? texts.foldersText : texts.noFoldersWatched));
    const names = classes.map(({ name }) => name);
    folders.forEach((folder, number) => {
      rows.children[number] ?? rows.append(makeRow(folder.name, number));
      fill(rows.children[number].querySelector("select"), names, folder.class);
    });
  };
  return { element, update };
}

function makeRow(name, number) {
  const select = el("select", {});
  select.addEventListener("change", async () => {
    await attempt(() => watchFolder(number, select.value || null));
    const { folders, classes } = currentState();
    fill(
      select,
      classes.map((one) => one.name),
      folders[number].class,
    );
  });
  return el("label", { class: "folder" }, el("span", { text: texts.folderGoesTo(name) }), select);
}

/** Shows the classes, with the one that is chosen; the options stay as they are while nothing has changed. */
function fill(select, names, chosen) {
  const shown = [...select.options].slice(1).map(({ value }) => value);
  if (!select.options.length || shown.join("\n") !== names.join("\n")) {
    select.replaceChildren(
      el("option", { value: "", text: texts.notWatched }),
      ...names.map((name) => el("option", { value: name, text: name })),
    );
  }
  select.value = chosen || "";
}
