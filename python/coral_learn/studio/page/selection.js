/** Which photos are selected, by id. */
export class Selection {
  #ids = new Set();
  #changed;

  /** @param {() => void} changed */
  constructor(changed) {
    this.#changed = changed;
  }

  get size() {
    return this.#ids.size;
  }

  ids = () => [...this.#ids];
  has = (id) => this.#ids.has(id);

  toggle(id) {
    if (!id) return;
    if (!this.#ids.delete(id)) this.#ids.add(id);
    this.#changed();
  }

  add(ids) {
    for (const id of ids) this.#ids.add(id);
    this.#changed();
  }

  clear() {
    this.#ids.clear();
    this.#changed();
  }
}
