/** The dialog to take the model away, in whatever form it is needed. */

import { fetchExport, listExports, readCheck } from "./api.js";
import { openDialog } from "./dialog.js";
import { button, el, withCode } from "./dom.js";
import { icon } from "./icons.js";
import { attempt, notify } from "./notices.js";
import { texts } from "./texts.js";

/** Opens the dialog. */
export function openTakeAway() {
  const check = el("p", { class: "agree", role: "status", text: texts.checking });
  const list = el("ul", { class: "exports" });
  const dialog = el(
    "dialog",
    { class: "dialog takeaway", "aria-labelledby": "takeaway-title" },
    el(
      "div",
      { class: "dialog-head" },
      el("h2", { id: "takeaway-title", text: texts.takeTitle }),
      button({ icon: icon("close"), label: texts.close, kind: "button-bare", press: () => dialog.close() }),
    ),
    check,
    list,
  );
  openDialog(dialog);
  showCheck(check);
  showExports(list);
}

async function showCheck(line) {
  const answer = await attempt(readCheck);
  line.hidden = !answer;
  if (!answer) return;
  const all = answer.agree === answer.of;
  line.classList.add(all ? "all" : "some");
  line.replaceChildren(...(all ? [icon("check")] : []), el("span", { text: texts.agree(answer) }));
}

async function showExports(list) {
  const answer = await attempt(listExports);
  if (answer) list.replaceChildren(...answer.exports.map(makeExport));
}

function makeExport({ id, file, available, why_not: whyNot, command }) {
  const { title, about } = texts.exports[id] ?? { title: file, about: "" };
  const get = button({
    icon: icon("download"),
    text: texts.download,
    kind: id === "model" ? "button-main" : "",
    press: () => download(id, file, get),
  });
  get.setAttribute("aria-label", texts.downloadOf(file));
  const line = el("code", { text: command });
  const copy = button({
    icon: icon("copy"),
    label: texts.copyOf(title),
    kind: "button-bare",
    press: () => copyText(line),
  });
  return el(
    "li",
    { class: "export" },
    el("div", { class: "export-text" }, el("h3", { text: title }), el("p", { class: "quiet", text: about })),
    available ? get : el("p", { class: "why-not" }, ...withCode(texts.whyNot(whyNot))),
    el(
      "details",
      { class: "command" },
      el("summary", { text: texts.command }),
      el("div", { class: "command-line" }, line, copy),
    ),
  );
}

async function download(id, file, pressed) {
  pressed.disabled = true;
  const content = await attempt(() => fetchExport(id));
  pressed.disabled = false;
  if (!content) return;
  const address = URL.createObjectURL(content);
  el("a", { href: address, download: file }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // the browser may still be reading
}

async function copyText(line) {
  try {
    await navigator.clipboard.writeText(line.textContent);
    notify(texts.copied);
  } catch {
    getSelection().selectAllChildren(line); // so that Ctrl-C copies it
  }
}
