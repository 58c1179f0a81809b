import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Canaries, openCanaries } from '../../../electron/core/policy/canaries.ts';
import { fromPlain } from '../../../electron/shared/json-tree.ts';
import { createManualClock } from '../../manual-clock.ts';
import { stage, tool } from './stage.ts';

/** Secrets in memory: what the station under test needs of them. */
function memorySecrets() {
  const values = new Map<string, string>();
  return {
    values,
    get: async (name: string) => values.get(name),
    set: async (name: string, value: string) => void values.set(name, value),
    delete: async (name: string) => void values.delete(name),
    names: () => [...values.keys()],
  };
}

let secrets: ReturnType<typeof memorySecrets>;
let canaries: Canaries;
let on: Awaited<ReturnType<typeof stage>>;
beforeEach(async () => {
  secrets = memorySecrets();
  canaries = await openCanaries({ secrets, clock: createManualClock() });
  on = await stage({ canaries });
  on.policy.approveAll('files', [tool('read_file'), tool('search_notes')]);
});
afterEach(() => on.clean());

const value = 'acct-7k2m9q-xt44wd3h';
const found = (args: unknown) => canaries.foundIn(fromPlain(args))?.note;

describe('a planted value', () => {
  beforeEach(() => canaries.add('in the payroll sheet', value));

  it('stops the call and names where it was planted', () => {
    const decision = on.policy.decide(on.call('search_notes', { query: `about ${value}` }));
    expect(decision).toMatchObject({ effect: 'deny', rule: 'canary:leaves', risk: 100 });
    expect(decision.reasons[0]).toContain('in the payroll sheet');
    expect(decision.reasons[0]).not.toContain(value);
    expect(on.policy.decide(on.call('search_notes', { query: 'about otters' })).effect).toBe('allow');
    const resource = { method: 'resources/read', name: `note://${value}`, feature: 'resources' as const };
    expect(on.policy.decide(on.call('x', {}, resource))).toMatchObject({ rule: 'canary:leaves' });
  });

  it('is known however it is written', () => {
    const around = `{"note":"see ${value} for more"}`;
    const forms: Record<string, unknown> = {
      plain: value,
      upper: value.toUpperCase(),
      'without dashes': value.replaceAll('-', ''),
      spaced: [...value].join(' '),
      dotted: [...value].join('.'),
      backwards: [...value].reverse().join(''),
      'zero-width': [...value].join('\u200b'),
      'full width': [...value]
        .map((one) => (/[a-z0-9]/.test(one) ? String.fromCodePoint(one.charCodeAt(0) + 0xfee0) : one))
        .join(''),
      hex: Buffer.from(value).toString('hex'),
      'hex with colons': Buffer.from(around).toString('hex').replaceAll(/(..)/g, '$1:'),
      base64: Buffer.from(value).toString('base64'),
      'base64 url': Buffer.from(around).toString('base64url'),
      'base64 wrapped': Buffer.from(around)
        .toString('base64')
        .replaceAll(/(.{10})/g, '$1\n'),
      percent: [...value].map((one) => `%${one.charCodeAt(0).toString(16)}`).join(''),
      'percent twice': encodeURIComponent([...value].map((one) => `%${one.charCodeAt(0).toString(16)}`).join('')),
      'in a URL': `https://collector.example/?d=${encodeURIComponent(around)}`,
      'a member’s name': { [value]: 1 },
      'split over a list': [value.slice(0, 7), value.slice(7)],
      deep: { a: [{ b: [{ c: around }] }] },
    };
    for (const shift of [1, 2, 3, 4, 5])
      forms[`base64 at ${shift}`] = Buffer.from('x'.repeat(shift) + value + '!'.repeat(shift)).toString('base64');
    for (const [form, query] of Object.entries(forms)) expect(found({ query }), form).toBe('in the payroll sheet');
    for (const other of [
      'acct-7k2m9q',
      'ordinary words',
      Buffer.from('ordinary words here').toString('base64'),
      4711,
      null,
      true,
    ]) {
      expect(found({ query: other }), String(other)).toBeUndefined();
    }
  });

  it('lies in the secrets and nowhere else, and outlives the run', async () => {
    expect([...secrets.values.keys()]).toEqual(['canaries']);
    const again = await openCanaries({ secrets, clock: createManualClock() });
    expect(again.list()).toEqual(canaries.list());
    const id = again.list()[0]?.id ?? '';
    await again.remove(id);
    expect(again.foundIn(fromPlain({ query: value }))).toBeUndefined();
    await expect(again.remove(id)).rejects.toMatchObject({ code: 'canary_not_found' });
  });
});

it('a made value is long, new each time and known', async () => {
  const [one, other] = [await canaries.add('here'), await canaries.add('there')];
  expect(one.value).not.toBe(other.value);
  expect(one.value.length).toBeGreaterThanOrEqual(18);
  expect(found({ a: other.value })).toBe('there');
});

it('values that chance would meet are refused', async () => {
  for (const unfit of ['short', '--------------', 'aaaaaaaaaaaaaaa', 'x'.repeat(300)]) {
    await expect(canaries.add('n', unfit), unfit).rejects.toMatchObject({ code: 'canary_unfit' });
  }
});

it('values that are planted at the same moment are all kept', async () => {
  await Promise.all(['one', 'two', 'three'].map((note) => canaries.add(note)));
  expect(canaries.list().map(({ note }) => note)).toEqual(['one', 'two', 'three']);
  const again = await openCanaries({ secrets, clock: createManualClock() });
  expect(again.list()).toHaveLength(3);
});
