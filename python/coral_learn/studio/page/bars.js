/** A bar for each class, with its name and its score, and the answer above them. */

import { el } from "./dom.js";
import { texts } from "./texts.js";

const MAX_BARS = 12;
const CALM_MS = 1200; // an answer that lasts this long is read aloud

/** @returns {{element: HTMLElement, show: (answer: import("./live.js").Answer, state: import("./state.js").State) => void, clear: () => void}} */
export function makeBars() {
  const verdict = el("p", { class: "verdict" });
  const spoken = el("p", { class: "hidden-text", role: "status" });
  const strange = el("p", { class: "strange", hidden: true, text: texts.unfamiliar });
  const list = el("ul", { class: "bars", "aria-label": texts.scores });
  const element = el("div", { class: "answer" }, verdict, strange, spoken, list);
  /** @type {Map<string, HTMLElement>} */
  const bars = new Map();
  let last = null;
  let timer;

  const speak = (text, label) => {
    if (label === last) return;
    last = label;
    clearTimeout(timer);
    timer = setTimeout(() => (spoken.textContent = text), CALM_MS);
  };
  const show = (answer, { threshold, classes }) => {
    const best = answer.classes[0];
    const sure = answer.label !== null;
    verdict.textContent = sure ? answer.label : texts.dontKnow;
    verdict.classList.toggle("unsure", !sure);
    strange.hidden = !answer.unfamiliar;
    speak(texts.answer(answer.label, best.score), answer.label ?? "");
    list.style.setProperty("--threshold", threshold);
    const place = new Map(classes.map(({ name }, number) => [name, number]));
    const shown = answer.classes
      .slice(0, MAX_BARS)
      .sort((one, other) => place.get(one.label) - place.get(other.label)); // bars that change places cannot be followed
    const labels = new Set(shown.map(({ label }) => label));
    for (const [label, bar] of bars) {
      if (labels.has(label)) continue;
      bar.remove();
      bars.delete(label);
    }
    shown.forEach(({ label, score }, number) => {
      const bar = barOf(label);
      if (list.children[number] !== bar) list.insertBefore(bar, list.children[number] ?? null);
      showBar(bar, score, label === answer.label);
    });
  };
  const barOf = (label) => {
    if (!bars.has(label)) {
      const bar = el(
        "li",
        { class: "bar" },
        el("span", { class: "bar-name", text: label }),
        el("span", { class: "bar-value" }),
        el("span", { class: "bar-line" }),
      );
      bars.set(label, bar);
    }
    return bars.get(label);
  };
  const clear = () => {
    clearTimeout(timer);
    last = null;
    for (const text of [verdict, spoken]) text.textContent = "";
    strange.hidden = true;
    list.replaceChildren();
    bars.clear();
  };
  return { element, show, clear };
}

function showBar(bar, score, best) {
  bar.style.setProperty("--score", score);
  bar.classList.toggle("best", best);
  bar.children[1].textContent = texts.percent(score);
}
