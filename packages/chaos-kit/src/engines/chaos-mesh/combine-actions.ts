import type { Action, Json } from '../engine.ts';

/**
 * Several fault objects as one action: created in order, removed in reverse. Their names end in a number. For what one
 * object cannot say without saying more than is meant.
 */
export function combineActions(actions: readonly Action[]): Action {
  const [only] = actions;
  if (actions.length === 1 && only !== undefined) return only;
  return {
    summary: actions.map(({ summary }) => summary).join(' and '),
    plan(context) {
      const planned = actions.map((action, index) =>
        action.plan({ ...context, faultId: `${context.faultId}-${index + 1}` }),
      );
      return {
        undo: planned.flatMap(({ undo }) => undo),
        async act(signal) {
          const done: { readonly [key: string]: Json }[] = [];
          for (const one of planned) done.push(await one.act(signal));
          return { objects: done };
        },
      };
    },
  };
}
