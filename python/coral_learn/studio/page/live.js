/** Asks the model about pictures, over a WebSocket that answers in order. */

import { openSocket } from "./api.js";

/**
 * @typedef {object} Answer
 * @property {{label: string, score: number}[]} [classes] All classes, the best first.
 * @property {string | null} [label] Null under the threshold.
 * @property {boolean} [unfamiliar] Whether it looks stranger than 95% of what was learned from; false until that is measured.
 * @property {number} [milliseconds]
 * @property {number} [version]
 * @property {string} [error]
 */

/** A connection that opens itself when it is needed, and again after the server was away. */
export class LiveModel {
  #socket = null;
  #waiting = [];

  /**
   * Asks about a picture.
   *
   * @param {Blob} picture
   * @returns {Promise<Answer | null>} Null if the connection broke.
   */
  async ask(picture) {
    const socket = this.#open();
    const answer = new Promise((resolve) => this.#waiting.push(resolve));
    if (socket.readyState === WebSocket.CONNECTING) {
      await new Promise((resolve) =>
        ["open", "close"].forEach((event) => socket.addEventListener(event, resolve, { once: true })),
      );
    }
    if (socket.readyState === WebSocket.OPEN) socket.send(picture);
    return answer;
  }

  close() {
    this.#socket?.close();
  }

  #open() {
    if (this.#socket && this.#socket.readyState <= WebSocket.OPEN) return this.#socket;
    const socket = openSocket("/api/preview");
    socket.addEventListener("message", ({ data }) => this.#waiting.shift()?.(JSON.parse(data)));
    socket.addEventListener("close", () => {
      for (const resolve of this.#waiting.splice(0)) resolve(null);
    });
    this.#socket = socket;
    return socket;
  }
}
