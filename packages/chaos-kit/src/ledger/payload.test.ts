import { describe, expect, test } from 'vitest';
import { Payloads } from './payload.ts';

describe('Payloads', () => {
  test.each([1, 3, 4, 16, 1000])('a payload of %i bytes is recomputable and has its length', (bytes) => {
    const text = new Payloads(5, bytes).text(2, 9);
    expect(text).toHaveLength(bytes);
    expect(text).toMatch(/^[\w-]+$/);
    expect(new Payloads(5, bytes).text(2, 9)).toBe(text);
    expect(new Payloads(5, bytes).matches(2, 9, Buffer.from(`ab${text}cd`), 2, 2 + bytes)).toBe(true);
  });

  test('depends on seed, writer and seq', () => {
    const texts = new Set<string>();
    for (const seed of [-1, 0, 1, 2 ** 31]) {
      for (let writer = 0; writer < 20; writer++) {
        for (let seq = 0; seq < 200; seq++) texts.add(new Payloads(seed, 16).text(writer, seq));
      }
    }
    expect(texts.size).toBe(4 * 20 * 200);
  });

  test('a changed byte, a missing byte and a byte too many are seen', () => {
    const payloads = new Payloads(1, 16);
    const right = Buffer.from(payloads.text(0, 0));
    for (let i = 0; i < right.length; i++) {
      const wrong = Buffer.from(right);
      wrong[i] = (wrong[i] ?? 0) ^ 1;
      expect(payloads.matches(0, 0, wrong, 0, wrong.length)).toBe(false);
    }
    expect(payloads.matches(0, 0, right, 0, right.length)).toBe(true);
    expect(payloads.matches(0, 0, right, 0, right.length - 1)).toBe(false);
    expect(payloads.matches(0, 0, Buffer.concat([right, right]), 0, right.length + 1)).toBe(false);
    expect(payloads.matches(0, 1, right, 0, right.length)).toBe(false);
  });
});
