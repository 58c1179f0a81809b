import { describe, expect, it } from 'vitest';
import { type Check, good } from '../../../electron/core/doctor/check.ts';
import { words } from '../../../electron/core/doctor/words.ts';
import { createDoctorHandlers } from '../../../electron/core/handlers/doctor-handlers.ts';
import { createManualClock } from '../../manual-clock.ts';

function stage() {
  let begun = 0;
  const waiting: ((check: Check | undefined) => void)[] = [];
  const { 'doctor.look': handler } = createDoctorHandlers({
    clock: createManualClock(),
    version: '0.1.0',
    async *examine() {
      begun += 1;
      for (;;) {
        const check = await new Promise<Check | undefined>((resolve) => waiting.push(resolve));
        if (!check) return;
        yield check;
      }
    },
  });
  const look = async (from: number) => await handler({ from }, { front: 'window' });
  const say = async (check: Check | undefined) => {
    while (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
    waiting.shift()?.(check);
  };
  const find = (name: string) => say(good(name, 'app', words`${1} thing.`));
  return { look, find, end: () => say(undefined), begun: () => begun };
}

describe('the doctor’s request', () => {
  it('answers as soon as one more was found, and with a report at the end', async () => {
    const { look, find, end } = stage();
    const first = look(0);
    await find('clock');
    expect(await first).toEqual({
      checks: [{ check: 'clock', hop: 'app', ok: true, detail: '1 thing.' }],
      done: false,
    });
    const second = look(1);
    await end();
    const last = await second;
    expect(last).toMatchObject({ checks: [], done: true });
    expect(last.report).toContain('| clock | app | ok |');
  });

  it('runs once for all who ask, and anew from 0 only when it is over', async () => {
    const { look, find, end, begun } = stage();
    const both = Promise.all([look(0), look(0)]);
    await find('clock');
    await both;
    expect(begun()).toBe(1);
    const rest = look(1);
    await end();
    await rest;
    void look(0);
    expect(begun()).toBe(2);
  });
});
