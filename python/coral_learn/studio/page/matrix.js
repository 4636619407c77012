/** The confusion matrix, whose numbers are buttons that show the pictures. */

import { addressOf, el } from "./dom.js";
import { texts } from "./texts.js";

const MAX_TINT = 0.35; // of the background, so that the numbers stay legible
const MANY = 8;

/**
 * Makes the table.
 *
 * @param {{classes: string[], confusion: number[][], recalls: {class: string, value: number, interval: number[]}[]}} quality
 * @param {(label: string, named: string) => void} choose
 */
export function makeMatrix({ classes, confusion, recalls }, choose) {
  const head = el(
    "tr",
    {},
    el("th", { scope: "col", class: "corner", text: texts.matrixCorner }),
    ...classes.map((name) => el("th", { scope: "col" }, el("span", { text: name }))),
    el("th", { scope: "col" }, el("span", { text: texts.recallsTitle })),
  );
  const rows = classes.map((label, row) => {
    const sum = Math.max(
      1,
      confusion[row].reduce((one, other) => one + other, 0),
    );
    const cells = classes.map((named, column) => makeCell(confusion[row][column], sum, label, named, choose));
    const recall = recalls.find((one) => one.class === label);
    return el(
      "tr",
      {},
      el("th", { scope: "row", text: label }),
      ...cells,
      el("td", { class: "recall", text: recall ? texts.recallOf(recall) : "" }),
    );
  });
  const many = classes.length > MANY ? " many" : "";
  const table = el("table", { class: `matrix${many}` }, el("thead", {}, head), el("tbody", {}, ...rows));
  return el("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": texts.matrixTitle }, table);
}

function makeCell(number, sum, label, named, choose) {
  const isRight = label === named;
  const cell = el("td", { class: isRight ? "right" : "" });
  cell.style.setProperty("--tint", ((MAX_TINT * number) / sum).toFixed(3));
  if (!number) {
    cell.textContent = "0";
    cell.classList.add("zero");
    return cell;
  }
  const name = texts.matrixCell(number, label, named);
  cell.append(
    isRight
      ? el("a", { href: addressOf("class", label), "aria-label": name, title: name, text: number })
      : el("button", {
          type: "button",
          "aria-label": name,
          title: name,
          text: number,
          on: { click: () => choose(label, named) },
        }),
  );
  return cell;
}
