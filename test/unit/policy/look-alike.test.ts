import { afterEach, beforeEach, expect, it } from 'vitest';
import { plainName, skeleton } from '../../../electron/core/policy/look-alike.ts';
import { stage, tool } from './stage.ts';

let on: Awaited<ReturnType<typeof stage>>;
beforeEach(async () => {
  on = await stage();
});
afterEach(() => on.clean());

it('names that look alike have one skeleton, others do not', () => {
  for (const name of ['read_fi1e', 'read_fiIe', 'rеad_file', 'read_ﬁle', 'read_f\u0456le']) {
    expect(skeleton(name), name).toBe(skeleton('read_file'));
    expect(plainName(name), name).not.toBe(plainName('read_file'));
  }
  expect(plainName('readFile')).toBe(plainName('read_file'));
  expect(skeleton('read_files')).not.toBe(skeleton('read_file'));
});

it('a tool asks whose name can be taken for an earlier one, on whatever server', () => {
  on.policy.approveAll('files', [tool('read_file'), tool('list_items')]);
  on.policy.approveAll('other', [tool('read_fi1e'), tool('list_item')]);
  on.policy.approveAll('third', [tool('readFile')]);
  const decide = (server: string, name: string) =>
    on.policy.decide(on.call(name, {}, { server, pin: on.policy.pinOf(server, name) ?? '' }));
  expect(decide('other', 'read_fi1e')).toMatchObject({ effect: 'ask', rule: 'label:look-alike' });
  expect(decide('third', 'readFile')).toMatchObject({ effect: 'allow' });
  expect(decide('other', 'list_item').effect).toBe('allow');
  expect(decide('files', 'read_file').effect).toBe('allow');
});

it('within one server case and dashes tell no two tools apart', () => {
  on.policy.approveAll('files', [tool('read_file'), tool('Read-File')]);
  const decide = (name: string) => on.policy.decide(on.call(name, {}, { pin: on.policy.pinOf('files', name) ?? '' }));
  expect(decide('Read-File')).toMatchObject({ effect: 'ask', rule: 'label:look-alike' });
  expect(decide('read_file')).toMatchObject({ effect: 'ask', rule: 'label:look-alike' });
});
