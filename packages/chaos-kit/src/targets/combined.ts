import { describeTarget, type ResolvedTarget, TargetError, type TargetSelector } from './target.ts';

/**
 * Two groups that a fault comes between, such as a partition. Every target says on which side it is (`side`).
 *
 * @throws TargetError when a target is on both sides: nobody can be cut off from himself
 */
export function between<A extends ResolvedTarget, B extends ResolvedTarget>(
  from: TargetSelector<A>,
  to: TargetSelector<B>,
): TargetSelector<A | B> {
  return {
    description: `between ${from.description} and ${to.description}`,
    async resolve(context, signal) {
      const [ones, others] = await Promise.all([from.resolve(context, signal), to.resolve(context, signal)]);
      for (const [selector, found] of [[from, ones] as const, [to, others] as const]) {
        if (found.length === 0) throw new TargetError(`${selector.description} resolved to nothing`);
      }
      const both = ones.filter((one) => others.some(({ uid }) => uid === one.uid));
      if (both.length > 0) {
        throw new TargetError(
          `between ${from.description} and ${to.description}: on both sides: ${both.map(describeTarget).join(', ')}`,
        );
      }
      return [
        ...ones.map((one) => ({ ...one, side: 'from' as const })),
        ...others.map((one) => ({ ...one, side: 'to' as const })),
      ];
    },
  };
}

/** Several selectors as one. What several of them resolve to is hit once, in the role of the first. */
export function together<T extends ResolvedTarget>(...selectors: readonly TargetSelector<T>[]): TargetSelector<T> {
  return {
    description: selectors.map(({ description }) => description).join(' and '),
    async resolve(context, signal) {
      const found = await Promise.all(selectors.map((selector) => selector.resolve(context, signal)));
      const all = found.flat();
      return all.filter((one, index) => all.findIndex(({ uid }) => uid === one.uid) === index);
    },
  };
}
