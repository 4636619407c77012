/** A grid of any number of pictures, of which only the rows in sight are in the document. */

import { el, newId } from "./dom.js";

const MIN_SIZE = 112; // pixels
const GAP = 8;
const SPARE_ROWS = 2;
const LOAD_MS = 80; // pictures that fly past are not asked for

/**
 * @typedef {object} Cells
 * @property {string} label What the grid shows, for screen readers.
 * @property {(cell: HTMLElement, index: number) => void} fill Fills a cell; a picture's address goes into `data-src`.
 */

/** A list box of pictures. Its element scrolls; one cell is active. */
export class Grid {
  #space = el("div", { class: "grid-space", role: "presentation" });
  #cells = new Map();
  #fill;
  #prefix = newId("cell");
  #columns = 1;
  #pitch = MIN_SIZE;
  #timer = null;
  #observer = new ResizeObserver(() => this.#lay());
  total = 0;
  active = 0;

  /** @param {Cells} cells */
  constructor({ label, fill }) {
    this.#fill = fill;
    this.element = el(
      "div",
      { class: "grid", role: "listbox", tabindex: 0, "aria-multiselectable": "true", "aria-label": label },
      this.#space,
    );
    this.element.addEventListener("scroll", () => requestAnimationFrame(() => this.#render()), {
      passive: true,
    });
    this.#observer.observe(this.element);
  }

  /** Shows this many cells, all filled again. */
  show(total) {
    this.total = total;
    this.active = Math.max(0, Math.min(this.active, total - 1));
    for (const index of this.#cells.keys()) if (index >= total) this.#removeCell(index);
    for (const [index, cell] of this.#cells) this.#fillCell(cell, index);
    this.#lay();
  }

  /** Makes a cell the active one, and brings it into sight. */
  activate(index) {
    this.active = Math.max(0, Math.min(index, this.total - 1));
    const top = Math.floor(this.active / this.#columns) * this.#pitch;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + this.#pitch > scrollTop + clientHeight)
      this.element.scrollTop = top + this.#pitch - clientHeight;
    this.#render();
  }

  /**
   * Returns where a key leads from the active cell.
   *
   * @param {string} key
   * @returns {number | null} Null for a key that does not lead anywhere.
   */
  target(key) {
    const rows = Math.max(1, Math.floor(this.element.clientHeight / this.#pitch)) * this.#columns;
    const steps = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -this.#columns,
      ArrowDown: this.#columns,
      PageUp: -rows,
      PageDown: rows,
    };
    if (key === "Home") return 0;
    if (key === "End") return this.total - 1;
    return key in steps ? Math.max(0, Math.min(this.active + steps[key], this.total - 1)) : null;
  }

  /** @returns {number | null} The index of the cell that an event met. */
  indexOf(event) {
    const cell = event.target.closest("[role=option]");
    return cell ? Number(cell.dataset.index) : null;
  }

  end() {
    this.#observer.disconnect();
    clearTimeout(this.#timer);
  }

  #lay() {
    const width = this.#space.clientWidth;
    if (!width) return;
    this.#columns = Math.max(1, Math.floor((width + GAP) / (MIN_SIZE + GAP)));
    this.#pitch = (width + GAP) / this.#columns;
    this.#space.style.height = `${Math.ceil(this.total / this.#columns) * this.#pitch}px`;
    for (const [index, cell] of this.#cells) this.#place(cell, index);
    this.#render();
  }

  #render() {
    const { scrollTop, clientHeight } = this.element;
    const first = Math.max(0, Math.floor(scrollTop / this.#pitch) - SPARE_ROWS) * this.#columns;
    const last = Math.min(
      this.total,
      (Math.ceil((scrollTop + clientHeight) / this.#pitch) + SPARE_ROWS) * this.#columns,
    );
    for (const index of this.#cells.keys()) if (index < first || index >= last) this.#removeCell(index);
    for (let index = first; index < last; index += 1) if (!this.#cells.has(index)) this.#addCell(index);
    for (const [index, cell] of this.#cells) cell.classList.toggle("active", index === this.active);
    const active = this.#cells.get(this.active);
    if (active) this.element.setAttribute("aria-activedescendant", active.id);
    else this.element.removeAttribute("aria-activedescendant");
    this.#timer ??= setTimeout(() => this.#loadPictures(), LOAD_MS);
  }

  #addCell(index) {
    const cell = el("div", {
      class: "cell",
      role: "option",
      id: `${this.#prefix}-${index}`,
      data: { index },
    });
    this.#cells.set(index, cell);
    this.#fillCell(cell, index);
    this.#place(cell, index);
    this.#space.append(cell);
  }

  #fillCell(cell, index) {
    cell.setAttribute("aria-posinset", index + 1);
    cell.setAttribute("aria-setsize", this.total);
    this.#fill(cell, index);
  }

  #removeCell(index) {
    const cell = this.#cells.get(index);
    cell.querySelector("img")?.removeAttribute("src"); // ends its loading
    cell.remove();
    this.#cells.delete(index);
  }

  #place(cell, index) {
    const size = this.#pitch - GAP;
    Object.assign(cell.style, { width: `${size}px`, height: `${size}px` });
    cell.style.transform = `translate(${(index % this.#columns) * this.#pitch}px, ${Math.floor(index / this.#columns) * this.#pitch}px)`;
  }

  #loadPictures() {
    this.#timer = null;
    for (const image of this.#space.querySelectorAll("img[data-src]")) {
      image.src = image.dataset.src;
      image.removeAttribute("data-src");
    }
  }
}
