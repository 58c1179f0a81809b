import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { promptInTerminal } from '../../../electron/cli/approval-prompt.ts';
import type { CliIo } from '../../../electron/cli/io.ts';
import type { ContractClient, EventPayload } from '../../../electron/shared/contract.ts';
import { SallyportError } from '../../../electron/shared/errors.ts';
import { approval as one } from '../../renderer/fixtures.ts';

const two = { ...one, id: 'approval-9', digest: `sha256:${'9'.repeat(64)}`, target: 'second' };
let now: number;
let screen: string;
let stdin: PassThrough;
let asked: unknown[];
let refusal: SallyportError | undefined;
let emit: (event: EventPayload<'approvals'>) => void;
let stop: () => void;

beforeEach(async () => {
  now = 1_000;
  screen = '';
  asked = [];
  refusal = undefined;
  stdin = new PassThrough();
  const client = {
    request: async (name: string, input: unknown) => {
      if (name === 'approvals.list') return { approvals: [], remembered: [] };
      asked.push(input);
      if (refusal) throw refusal;
      return {};
    },
    subscribe: (_topic: string, listener: typeof emit) => {
      emit = listener;
      return () => undefined;
    },
  } as unknown as ContractClient;
  const io = {
    stdin,
    stdout: (text: string) => {
      screen += text;
    },
  } as unknown as CliIo;
  stop = promptInTerminal(io, client, () => now);
  await new Promise(setImmediate);
});
afterEach(() => stop());

async function type(line: string): Promise<void> {
  screen = '';
  stdin.write(`${line}\n`);
  for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
}

test('what is typed before it could have been read answers nothing', async () => {
  emit({ type: 'opened', approval: one });
  now += 399;
  await type('allow');
  expect(screen).toContain('before you could have read this');
  expect(asked).toEqual([]);
  now += 1;
  await type('allow');
  expect(asked).toEqual([{ id: one.id, digest: one.digest, answer: 'allow' }]);
});

test.each(['', 'a', 'y', 'yes', 'ALLOW', 'allow all', 'd', 'later please'])('%j answers nothing', async (line) => {
  emit({ type: 'opened', approval: one });
  now += 1_000;
  await type(line);
  expect(screen).toContain('allow, deny, deny REASON, or later?');
  expect(asked).toEqual([]);
});

test('one that changed is shown again, armed anew, and answered by its new digest', async () => {
  emit({ type: 'opened', approval: one });
  now += 1_000;
  emit({ type: 'changed', approval: { ...one, digest: two.digest } });
  expect(screen).toContain('What it asks has changed. Read it again.');
  await type('allow');
  expect(asked).toEqual([]);
  now += 400;
  await type('deny  not   now');
  expect(asked).toEqual([{ id: one.id, digest: two.digest, answer: 'deny', reason: 'not now' }]);
});

test('later puts one off for the next; answered elsewhere makes way', async () => {
  emit({ type: 'opened', approval: one });
  emit({ type: 'opened', approval: two });
  now += 1_000;
  await type('later');
  expect(screen).toContain(two.id);
  emit({ type: 'closed', approval: two, by: 'window', answer: 'allow' });
  expect(screen).toContain('Answered elsewhere: allow by window.');
  expect(asked).toEqual([]);
});

test('a refusal is said, with what to do', async () => {
  emit({ type: 'opened', approval: one });
  now += 1_000;
  refusal = new SallyportError('window_decides', 'app', 'The window decides.', { hint: 'Answer there.' });
  await type('allow');
  expect(screen).toContain('Not answered: The window decides. Answer there.');
});
