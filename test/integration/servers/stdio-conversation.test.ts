import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { sortMessage } from '../../../electron/core/servers/json-rpc.ts';
import type { Servers } from '../../../electron/core/servers/servers.ts';
import { JsonNumber, type JsonObject, memberAt, serializeJson } from '../../../electron/shared/json-tree.ts';
import { callTool, fixture, scriptRecord, station, textOf, tree } from './station.ts';

let folder: string;
let servers: Servers;
const record = scriptRecord(fixture('raw-legacy.ts'));

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-test-')));
});
afterEach(async () => {
  await servers.stopAll(500);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('a conversation over stdio with a legacy server', () => {
  it('opens it with initialize and reports what the server said of itself', async () => {
    servers = station();
    const session = await servers.connect(record, 'a');
    expect(session.info).toMatchObject({ era: 'legacy', protocolVersion: '2025-06-18', instructions: 'Be gentle.' });
    expect(memberAt(session.info.capabilities, 'tools', 'listChanged')).toBe(true);
    expect(memberAt(session.info.serverInfo, 'name')).toBe('raw-legacy');
    expect(servers.health('under-test')).toEqual({ state: 'ready', era: 'legacy', sessions: 1 });
  });

  it('sends arguments byte for byte', async () => {
    servers = station();
    const session = await servers.connect(record, 'a');
    const params =
      '{"name":"echo","arguments":{"z":9007199254740993,"a":1.10,"2":[-0,1e400],"ü":"\\u2028 \\"x\\""},"x":null}';
    const line = textOf(await session.request('tools/call', tree(params)));
    expect(serializeJson(tree(line).get('params') ?? null)).toBe(serializeJson(tree(params)));
    expect(line).toContain('{"z":9007199254740993,"a":1.10,"2":[-0,1e400]');
  });

  it('lets no argument pass for a message of its own with a server that ends lines at U+2028', async () => {
    servers = station();
    const session = await servers.connect(record, 'a');
    for (const end of ['\u2028', '\u2029', '\u0085']) {
      const smuggled = `x${end}{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"smuggled"}}${end}`;
      const line = tree(textOf(await callTool(session, 'echo', { smuggled })));
      expect(memberAt(line, 'params', 'arguments', 'smuggled')).toBe(smuggled);
    }
    expect(textOf(await callTool(session, 'cancelled'))).toBe('');
  });

  it('hands results and errors back untouched', async () => {
    servers = station();
    const session = await servers.connect(record, 'a');
    const answer = await callTool(session, 'exact');
    expect('result' in answer && serializeJson(answer.result)).toBe(
      '{"z":9007199254740993,"a":1.10,"content":[],"10":true,"2":"é","_meta":{"x.y/z":-0}}',
    );
    const failed = await callTool(session, 'fail');
    expect('error' in failed && serializeJson(failed.error)).toBe('{"code":-32099,"message":"no","data":{"n":1.50}}');
  });

  it('keeps many interleaved calls apart', async () => {
    servers = station();
    const session = await servers.connect(record, 'a');
    const lines = await Promise.all(
      Array.from({ length: 50 }, async (_, n) => textOf(await callTool(session, 'echo', { n }))),
    );
    for (const [n, line] of lines.entries()) expect(line).toContain(`"arguments":{"n":${n}}`);
  });

  it('gives progress back under the caller’s own token, log messages to the call, the rest to the session', async () => {
    servers = station();
    const session = await servers.connect(record, 'a');
    const own: string[] = [];
    const others: string[] = [];
    session.onNotification((method) => others.push(method));
    const onNotification = (method: string, params: JsonObject | undefined): void => {
      own.push(`${method} ${serializeJson(params ?? null)}`);
    };
    await callTool(session, 'progress', {}, { token: 'mine "é"', onNotification });
    await callTool(session, 'progress', {}, { token: new JsonNumber('1.0'), onNotification });
    expect(own).toEqual([
      'notifications/progress {"progressToken":"mine \\"é\\"","progress":1}',
      'notifications/message {"level":"info","data":"working"}',
      'notifications/progress {"progressToken":1.0,"progress":1}',
      'notifications/message {"level":"info","data":"working"}',
    ]);
    expect(others).toEqual(['notifications/tools/list_changed', 'notifications/tools/list_changed']);
  });

  it('answers ping and refuses everything else that a server asks for', async () => {
    servers = station();
    const session = await servers.connect(record, 'a');
    const replies = textOf(await callTool(session, 'ask'))
      .split('\n')
      .map((line) => sortMessage(tree(line)));
    expect(replies.map((reply) => reply.kind)).toEqual(['error', 'result']);
    expect(replies[0]?.kind === 'error' && serializeJson(replies[0].error.get('code') ?? null)).toBe('-32601');
  });

  it('tells the server of a cancelled call and of one that took too long', async () => {
    servers = station();
    const session = await servers.connect(record, 'a');
    const abort = new AbortController();
    const sent = Promise.withResolvers<void>();
    const slow = callTool(session, 'slow', {}, { signal: abort.signal, onSent: sent.resolve });
    await sent.promise;
    abort.abort();
    await expect(slow).rejects.toMatchObject({ code: 'call_cancelled' });
    await expect(callTool(session, 'slow', {}, { timeoutMs: 30 })).rejects.toMatchObject({
      code: 'server_timeout',
      hop: 'server',
    });
    expect(textOf(await callTool(session, 'cancelled'))).toBe('2,3');
    let begun = false;
    const late = callTool(session, 'slow', {}, { signal: abort.signal, onSent: () => (begun = true) });
    await expect(late).rejects.toMatchObject({ code: 'call_cancelled' });
    expect(begun).toBe(false);
  });

  it('refuses an answer that two parsers could read differently, and goes on', async () => {
    servers = station();
    const session = await servers.connect(record, 'a');
    await expect(callTool(session, 'duplicate')).rejects.toMatchObject({ code: 'server_wrong_output', hop: 'server' });
    await expect(callTool(session, 'both')).rejects.toMatchObject({ code: 'server_wrong_output' });
    expect(textOf(await callTool(session, 'stray'))).toBe('after a stray line');
    expect(servers.health('under-test').state).toBe('ready');
  });

  it('ends a server whose line passes 10 MiB', async () => {
    servers = station();
    const session = await servers.connect(record, 'a');
    const closed = new Promise<void>((resolve) => session.onClose(resolve));
    await expect(callTool(session, 'long')).rejects.toMatchObject({ code: 'server_wrong_output' });
    await closed;
    expect(servers.health('under-test')).toMatchObject({ state: 'wrong-output', sessions: 0 });
  });
});

describe('what a child gets', () => {
  it('is a minimal environment and the working directory asked for', async () => {
    process.env.SALLYPORT_TEST_LEAK = 'leaked';
    servers = station({ cwd: folder }, { 'server-env:under-test:API_KEY': 'sk-very-secret' });
    const session = await servers.connect(scriptRecord(fixture('raw-legacy.ts'), [], ['API_KEY']), 'a');
    const environment = JSON.parse(textOf(await callTool(session, 'environment'))) as Record<string, string>;
    delete process.env.SALLYPORT_TEST_LEAK;
    const allowed = ['HOME', 'LOGNAME', 'PATH', 'SHELL', 'TERM', 'USER', 'API_KEY', 'PWD', 'OLDPWD', 'SHLVL', '_'];
    expect(Object.keys(environment).filter((name) => !allowed.includes(name))).toEqual([]);
    expect(environment.API_KEY).toBe('sk-very-secret');
    expect(environment.PATH).toBe(process.env.PATH);
    expect(textOf(await callTool(session, 'folder'))).toBe(folder);
  });

  it('names a variable whose value is not stored', async () => {
    servers = station();
    await expect(servers.connect(scriptRecord(fixture('raw-legacy.ts'), [], ['API_KEY']), 'a')).rejects.toMatchObject({
      code: 'server_not_ready',
      message: expect.stringContaining('API_KEY') as string,
    });
  });

  it('never shows its secrets when it complains', async () => {
    servers = station({}, { 'server-env:under-test:API_KEY': 'sk-very-secret' });
    const lines: string[] = [];
    servers.onStderr((slug, line) => lines.push(`${slug}: ${line}`));
    const session = await servers.connect(scriptRecord(fixture('raw-legacy.ts'), [], ['API_KEY']), 'a');
    await callTool(session, 'complain');
    await servers.end('under-test', 'a');
    expect(lines).toEqual(['under-test: cannot log in with [API_KEY]']);
  });
});
