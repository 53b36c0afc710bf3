/** Answers further apart than this belong to different times of being read-only, in ms. */
const APART_MS = 1000;

/** How often and how long writes were refused because the server that got them is read-only. Times in ms, ascending. */
export class ReadOnlyAnswers {
  count = 0;
  firstMs: number | undefined;
  lastMs: number | undefined;
  /** Sum of the times in which such answers came at most a second apart. */
  lengthMs = 0;

  add(atMs: number): void {
    this.count++;
    this.firstMs ??= atMs;
    if (this.lastMs !== undefined && atMs - this.lastMs <= APART_MS) this.lengthMs += atMs - this.lastMs;
    this.lastMs = atMs;
  }
}
