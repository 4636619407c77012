/** Starts the page. */

import { readState } from "./api.js";
import { checkView } from "./check.js";
import { followEvents } from "./events.js";
import { galleryView } from "./gallery.js";
import { startHeader } from "./header.js";
import { attempt } from "./notices.js";
import { startRouter } from "./router.js";
import { takeState } from "./state.js";
import { teachView } from "./teach.js";
import { texts } from "./texts.js";
import { trayView } from "./tray.js";

const skip = document.querySelector(".skip");
skip.textContent = texts.skip;
skip.addEventListener("click", (event) => {
  event.preventDefault(); // the address belongs to the views
  document.getElementById("main").focus();
});

// A file that is dropped beside the cards must not replace the page.
for (const event of ["dragover", "drop"]) addEventListener(event, (drop) => drop.preventDefault());

startHeader();
const state = await attempt(readState);
if (state) takeState(state);
followEvents();
startRouter({ "": teachView, class: galleryView, check: checkView, tray: trayView });
