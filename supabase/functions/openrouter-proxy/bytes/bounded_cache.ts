/** A map that forgets what was used least recently once it holds `capacity` entries. */
export class BoundedCache<Value> {
  readonly #entries = new Map<string, Value>();
  /** What was used last is at its place: to take it out and put it back may make the map's table anew. */
  #newest: string | undefined;

  constructor(private readonly capacity: number) {}

  get(key: string): Value | undefined {
    const value = this.#entries.get(key);
    if (value !== undefined && key !== this.#newest) this.set(key, value);
    return value;
  }

  set(key: string, value: Value): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    this.#newest = key;
    if (this.#entries.size > this.capacity) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
  }
}
