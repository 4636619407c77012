/** The photos of a class, loaded page by page as they are looked at. */

import { listPhotos } from "./api.js";
import { attempt } from "./notices.js";

const PAGE = 200;

/** @typedef {{id: string, label: string, has_picture: boolean}} Photo */

export class PhotoPages {
  #pages = new Map();
  #name;
  #changed;

  /** @param {string} name The class. @param {() => void} changed Is called when photos arrived. */
  constructor(name, changed) {
    this.#name = name;
    this.#changed = changed;
    this.total = 0;
  }

  /**
   * Returns a photo if it is here, and gets it otherwise.
   *
   * @param {number} index 0 is the newest.
   * @returns {Photo | undefined}
   */
  at(index) {
    const page = this.#page(Math.floor(index / PAGE));
    return page.photos?.[index % PAGE];
  }

  /** @param {number} index @returns {Promise<Photo | undefined>} */
  async get(index) {
    await this.#page(Math.floor(index / PAGE)).loading;
    return this.at(index);
  }

  /** Returns the ids of photos from `first` to `last`, both included. */
  async ids(first, last) {
    const ids = [];
    for (let index = first; index <= last; index += 1) {
      const photo = this.at(index) ?? (await this.get(index));
      if (photo) ids.push(photo.id);
    }
    return ids;
  }

  /** Gets everything again: the class has changed. What was shown stays until then. */
  async refresh() {
    const fresh = await this.#load(0);
    if (!fresh) return;
    this.#pages = new Map([[0, { photos: fresh, loading: Promise.resolve() }]]);
    this.#changed();
  }

  #page(number) {
    if (!this.#pages.has(number)) {
      const page = { photos: null, loading: null };
      page.loading = this.#load(number).then((photos) => {
        page.photos = photos;
        this.#changed();
      });
      this.#pages.set(number, page);
    }
    return this.#pages.get(number);
  }

  async #load(number) {
    const answer = await attempt(() => listPhotos(this.#name, number * PAGE, PAGE));
    if (answer) this.total = answer.total;
    return answer?.photos;
  }
}
