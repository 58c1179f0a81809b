import { EventEmitter, once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createAppState } from '../../../electron/core/state/app-state.ts';
import type { AppState } from '../../../electron/shared/contract.ts';

function store(leastBetweenFlushesMs?: number) {
  const made: number[] = [];
  const heard = new EventEmitter();
  let counter = 0;
  const state = createAppState(() => {
    made.push(counter);
    return { version: String(counter) } as AppState;
  }, leastBetweenFlushesMs);
  state.onChange(({ version }) => heard.emit('state', Number(version)));
  return {
    state,
    made,
    next: async () => Number((await once(heard, 'state'))[0]),
    change: () => {
      counter += 1;
      state.touch();
      return counter;
    },
  };
}

test('the first change is told at once; those that follow closely wait, and whoever asks does not', async () => {
  const { state, made, next, change } = store(3_600_000);
  const first = next();
  change();
  expect(await first).toBe(1);
  let last = 0;
  for (let index = 0; index < 20; index += 1) {
    last = change();
    await turn();
  }
  expect(made).toEqual([1]);
  expect(state.get().version).toBe(String(last));
  state.close();
});

test('the last of those that wait is told', async () => {
  const { state, next, change } = store();
  const first = next();
  change();
  await first;
  const second = next();
  change();
  const last = change();
  expect(await second).toBe(last);
  state.close();
});

test('nothing is read after the end', async () => {
  const { state, made, next, change } = store();
  const first = next();
  change();
  await first;
  change();
  state.close();
  change();
  await turn();
  expect(made).toEqual([1]);
});
