import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ApprovalView } from '../../../electron/shared/views.ts';
import { initialize, legacy, modern, openStage, type Stage, send, stream } from './stage.ts';

describe('the gateway and the real approvals', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage({ realApprovals: true });
  });
  afterAll(() => stage.close());
  afterEach(() => {
    expect(stage.problems).toEqual([]);
  });

  const write = (text: string) => ({ name: 'write_note', arguments: { path: 'a', text } });
  const asked = (): Promise<ApprovalView> =>
    new Promise((resolve) => {
      const stop = stage.approvals.onEvent((event) => {
        if (event.type !== 'opened') return;
        stop();
        resolve(event.approval);
      });
    });

  it('runs exactly what was allowed', async () => {
    const prompt = asked();
    const answer = send(stage, modern('tools/call', write('one')));
    const { id, digest, argumentsText } = await prompt;
    expect(argumentsText).toBe('{"path":"a","text":"one"}');
    stage.approvals.answer({ id, digest, answer: 'allow', scope: 'call', for: 'once' }, 'window');
    expect((await answer).text).toContain('\\"text\\":\\"one\\"');
    expect(stage.calls()[0]).toMatchObject({ outcome: 'ran', answer: { by: 'window' } });
  });

  it('runs nothing once its request is gone, and the next identical call by the permit that is left', async () => {
    const session = await initialize(stage);
    const prompt = asked();
    const held = await stream(stage, legacy(session, 'tools/call', write('two'), 1));
    const { id } = await prompt;
    const ended = stage.nextEnd();
    held.cut();
    expect(await ended).toMatchObject({ outcome: 'cancelled' });
    stage.approvals.answer({ id, answer: 'allow', scope: 'call', for: 'once' }, 'cli');
    expect(stage.calls().filter((row) => row.outcome === 'ran')).toHaveLength(1);
    const answer = await send(stage, legacy(session, 'tools/call', write('two'), 2));
    expect(answer.json).toMatchObject({ id: 2, result: { structuredContent: { text: 'two' } } });
    expect(stage.calls()[0]).toMatchObject({ outcome: 'ran', answer: { by: 'permit' } });
  });

  it('answers N identical calls with one prompt, and runs each once', async () => {
    const prompt = asked();
    const first = send(stage, modern('tools/call', write('three'), 1));
    await prompt;
    const counted = new Promise<ApprovalView>((resolve) => {
      stage.approvals.onEvent((event) => {
        if (event.type === 'changed' && event.approval.count === 2) resolve(event.approval);
      });
    });
    const second = send(stage, modern('tools/call', write('three'), 2));
    const { id } = await counted;
    const before = stage.calls().filter((row) => row.outcome === 'ran').length;
    stage.approvals.answer({ id, answer: 'allow', scope: 'call', for: 'once' }, 'window');
    const answers = await Promise.all([first, second]);
    expect(answers.map(({ json }) => (json as { id: number }).id)).toEqual([1, 2]);
    expect(stage.calls().filter((row) => row.outcome === 'ran')).toHaveLength(before + 2);
  });

  it('runs nothing whose path was turned to the data folder while it waited', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'sallyport-elsewhere-'));
    const link = join(elsewhere, 'link');
    await symlink(elsewhere, link);
    const prompt = asked();
    const path = join(link, 'settings.json');
    const answer = send(stage, modern('tools/call', { name: 'write_note', arguments: { path, text: 'six' } }));
    const { id } = await prompt;
    await rm(link);
    await symlink(stage.folder, link);
    stage.approvals.answer({ id, answer: 'allow', scope: 'call', for: 'once' }, 'window');
    expect((await answer).json).toMatchObject({ result: { isError: true } });
    expect(stage.calls()[0]).toMatchObject({ outcome: 'denied', answer: { by: 'window' } });
    await rm(elsewhere, { recursive: true });
  });

  it('says paused to what waits, and asks nobody then', async () => {
    const prompt = asked();
    const answer = send(stage, modern('tools/call', write('four')));
    await prompt;
    stage.paused = { at: 'now' };
    stage.approvals.withdraw({}, 'paused');
    stage.gateway.endSessions({}, 'paused');
    expect((await answer).json).toMatchObject({ result: { _meta: { 'sallyport/decision': { outcome: 'paused' } } } });
    expect(stage.calls()[0]).toMatchObject({ outcome: 'paused' });
    await send(stage, modern('tools/call', write('five')));
    expect(stage.approvals.list()).toEqual([]);
    stage.paused = undefined;
  });
});
