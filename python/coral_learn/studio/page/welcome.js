/** What a first visit shows: the three steps, and two ways to begin. */

import { addDemo } from "./api.js";
import { button, el } from "./dom.js";
import { icon } from "./icons.js";
import { attempt } from "./notices.js";
import { makeNewClass } from "./teach.js";
import { texts } from "./texts.js";

/** @returns {HTMLElement} */
export function makeWelcome() {
  const steps = texts.steps.map((step) =>
    el(
      "li",
      { class: "step" },
      el("span", { class: "step-icon" }, icon(step.icon)),
      el("h2", { text: step.title }),
      el("p", { text: step.text }),
    ),
  );
  const demo = button({ text: texts.loadDemo, press: loadDemo });
  return el(
    "div",
    { class: "welcome" },
    el("h1", { text: texts.welcomeTitle }),
    el("p", { class: "lead", text: texts.welcomeText }),
    el("ol", { class: "steps" }, ...steps),
    el("div", { class: "begin" }, makeNewClass({ label: texts.firstClass }), demo),
  );
}

async function loadDemo(event) {
  const pressed = event.currentTarget;
  pressed.disabled = true;
  await attempt(addDemo);
  pressed.disabled = false;
}
