/**
 * Whether something happened so short a time ago, in ms. What is still to come happened before the
 * clock was set back, and nobody knows when.
 */
export function isWithin(ms: number, at: number, now: number): boolean {
  const age = now - at;
  return age >= 0 && age < ms;
}
