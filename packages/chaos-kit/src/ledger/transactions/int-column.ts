/** Integers of 32 bits that grow at the end, 4 bytes each. */
export class IntColumn {
  #data = new Int32Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Adds a number and returns its index. */
  push(value: number): number {
    if (this.#length === this.#data.length) {
      const grown = new Int32Array(2 * this.#data.length);
      grown.set(this.#data);
      this.#data = grown;
    }
    this.#data[this.#length] = value;
    return this.#length++;
  }

  /** The number at an index; 0 outside. */
  at(index: number): number {
    return this.#data[index] ?? 0;
  }

  set(index: number, value: number): void {
    this.#data[index] = value;
  }

  /** A view of what is there; it does not grow with the column. */
  view(): Int32Array {
    return this.#data.subarray(0, this.#length);
  }
}
