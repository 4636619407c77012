/** What the server tells by itself: states, progress, notices, and whether it is there at all. */

import { openSocket } from "./api.js";
import { withCode } from "./dom.js";
import { notify } from "./notices.js";
import { forgetProgress, showProgress } from "./progress.js";
import { currentState, takeState } from "./state.js";
import { texts } from "./texts.js";

const RETRY_SECONDS = 1;

/** Follows the server for as long as the page is open, and comes back when the server does. */
export function followEvents() {
  const socket = openSocket("/api/events");
  let first = true;
  socket.addEventListener("open", () => showOffline(false));
  socket.addEventListener("message", ({ data }) => {
    const event = JSON.parse(data);
    if (event.type === "state") {
      takeState(event.state, { restarted: first });
      first = false;
    } else if (event.type === "progress") showProgress(event.what, event.done, event.total);
    else if (event.type === "notice") notify(event.text);
  });
  socket.addEventListener("close", () => {
    showOffline(true);
    forgetProgress();
    setTimeout(followEvents, RETRY_SECONDS * 1000);
  });
}

function showOffline(offline) {
  const banner = document.getElementById("offline");
  if (banner.hidden !== offline) return;
  banner.replaceChildren(...(offline ? withCode(texts.offline(currentState()?.project)) : []));
  banner.hidden = !offline;
}
