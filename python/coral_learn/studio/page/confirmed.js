/** Labels that people looked at and found right, which this browser remembers for the project. */

import { currentState } from "./state.js";

const keyOf = () => `coral-learn.confirmed.${currentState()?.project}`;

function read() {
  try {
    return new Set(JSON.parse(localStorage.getItem(keyOf())) ?? []);
  } catch {
    return new Set(); // somebody else wrote there, or the browser keeps nothing
  }
}

const nameOf = ({ id, label }) => `${id} ${label}`;

/** @param {{id: string, label: string}} photo */
export const isConfirmed = (photo) => read().has(nameOf(photo));

/** @param {{id: string, label: string}} photo */
export function confirmLabel(photo) {
  try {
    localStorage.setItem(keyOf(), JSON.stringify([...read().add(nameOf(photo))]));
  } catch {
    // A browser that keeps nothing asks again.
  }
}
