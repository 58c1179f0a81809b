/**
 * `npm run demo`: the whole road in separate processes. An edge, the app, and an agent outside that lists tools, reads,
 * writes (asked and allowed) and is denied; then what each layer saw. Exits with 1 if anything is not as it should be.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { runCli } from '../app-process.ts';
import type { TapReport } from '../byte-tap.ts';

interface Seen {
  readonly connections: readonly TapReport[];
  readonly found: readonly string[];
}

const here = import.meta.dirname;
const filesystemServer = join(here, '../../node_modules/@modelcontextprotocol/server-filesystem/dist/index.js');
const planted = `planted-${randomBytes(8).toString('hex')}`;
let failures = 0;

function check(what: string, holds: boolean): void {
  if (!holds) failures += 1;
  console.log(`   ${holds ? '✓' : '✗'} ${what}`);
}

/** A child of the demo that prints JSON lines. */
function start(file: string, ...args: string[]): { child: ChildProcess; next(): Promise<Record<string, unknown>> } {
  const child = spawn(process.execPath, [join(here, file), ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    async next() {
      const line = await lines.next();
      if (line.done) throw new Error(`${file} ended early`);
      return JSON.parse(line.value) as Record<string, unknown>;
    },
  };
}

async function stop(process: { child: ChildProcess; next(): Promise<Record<string, unknown>> }): Promise<Seen> {
  process.child.kill('SIGTERM');
  const seen = (await process.next()) as unknown as Seen;
  if (process.child.exitCode === null) await once(process.child, 'close');
  return seen;
}

const folder = await mkdtemp(join(tmpdir(), 'sallyport-demo-'));
const dataDir = join(folder, 'data');
const notes = join(folder, 'notes');
const cli = async <T>(args: string[], input?: string): Promise<T> =>
  (await runCli([...args, '--json', '--data-dir', dataDir], input === undefined ? {} : { input })).json<T>();

const edge = start('edge-process.ts', planted);
const app = start('app-process.ts', dataDir);
try {
  console.log('\n1  An edge, and the app: separate processes');
  const { join: line } = (await edge.next()) as { join: string };
  await app.next();
  await cli(['tunnel', 'use', 'edge', '--join-file', '-'], line);
  const tunnel = await cli<{ domain: string; connections: { transport: string }[] }>(['tunnel', 'status']);
  console.log(`   the app dialled out to the edge; its tunnel is ${tunnel.domain}`);

  console.log('\n2  Two servers are shared');
  await mkdir(notes);
  await writeFile(join(notes, 'plan.md'), `due Friday ${planted}\n`);
  await cli(['servers', 'add', 'files', '--command', process.execPath, '--arg', filesystemServer, '--arg', notes]);
  const files = await cli<{ url: string; tools: { name: string; access: string }[] }>(['servers', 'share', 'files']);
  const count = (access: string): number => files.tools.filter((tool) => tool.access === access).length;
  console.log(`   ${files.url}`);
  console.log(`   ${count('allow')} tools run, ${count('ask')} ask first, ${count('off')} are off`);
  const sample = join(here, '../../dist/electron/sample-server.js');
  await cli([
    'servers',
    'add',
    'notebook',
    '--command',
    process.execPath,
    '--arg',
    sample,
    '--arg',
    join(folder, 'notebook'),
  ]);
  const notebook = await cli<{ url: string; tools: { name: string; access: string }[] }>([
    'servers',
    'share',
    'notebook',
  ]);
  console.log(`   ${notebook.url}`);
  console.log(`   ${notebook.tools.map((tool) => `${tool.name}: ${tool.access}`).join(', ')}`);

  console.log('\n3  An agent outside, with a token for files only');
  const { pem } = await cli<{ pem: string }>(['tunnel', 'ca']);
  const { token } = await cli<{ token: string }>(['agents', 'token', '--server', 'files', '--name', 'Demo agent']);
  const target = join(notes, 'from-outside.md');
  const agent = start('agent.ts');
  agent.child.stdin?.end(
    JSON.stringify({
      url: files.url,
      token,
      ca: pem,
      calls: [
        { tool: 'read_text_file', arguments: { path: join(notes, 'plan.md') } },
        { tool: 'write_file', arguments: { path: target, content: `written ${planted}` } },
        { tool: 'write_file', arguments: { path: target, content: 'written a second time' } },
      ],
    }),
  );
  const listed = (await agent.next()) as { tools: string[] };
  console.log(`   lists ${listed.tools.length} tools: ${listed.tools.slice(0, 4).join(', ')}, …`);
  const read = (await agent.next()) as { text: string };
  check('reads a note without asking', read.text.includes(planted));

  const answer = async (reply: string[]): Promise<Record<string, unknown>> => {
    const [prompt] = await nextPrompt();
    console.log(`   the person is asked: ${prompt?.summary}`);
    await cli(['approvals', 'answer', prompt?.id ?? '', ...reply]);
    return await agent.next();
  };
  const nextPrompt = async (): Promise<{ id: string; summary: string }[]> => {
    const watch = spawn(process.execPath, [
      join(here, '../../dist/electron/cli.js'),
      'approvals',
      'watch',
      '--data-dir',
      dataDir,
    ]);
    try {
      for await (const text of createInterface({ input: watch.stdout })) {
        const event = JSON.parse(text) as { type: string; approval: { id: string; summary: string } };
        if (event.type === 'opened') return [event.approval];
      }
      return [];
    } finally {
      watch.kill();
    }
  };
  const written = await answer(['allow']);
  check('writes after the person allowed it', !written.isError && (await readFile(target, 'utf8')).includes(planted));
  const denied = await answer(['deny', '--reason', 'Once is enough.']);
  check('is denied, and reads why', denied.isError === true && String(denied.text).includes('Once is enough.'));
  check('nothing ran that was denied', !(await readFile(target, 'utf8')).includes('second time'));
  const done = (await agent.next()) as unknown as Seen & { certificate: string };
  const foreign = await fetch(notebook.url, { headers: { authorization: `Bearer ${token}` } }).catch(() => undefined);
  check('a stranger who trusts only public roots gets no connection', foreign === undefined);

  console.log('\n4  The log');
  const { rows } = await cli<{ rows: { tool?: string; outcome?: string; decision?: { rule: string } }[] }>([
    'log',
    'list',
  ]);
  for (const row of rows.filter((one) => one.tool).reverse()) {
    console.log(`   ${row.tool?.padEnd(16)} ${row.outcome?.padEnd(8)} ${row.decision?.rule}`);
  }
  check('verifies', (await cli<{ ok: boolean }>(['log', 'verify'])).ok);

  console.log('\n5  What each layer saw');
  const { fingerprint } = (await cli<{ certificate: { fingerprint: string } }>(['tunnel', 'status'])).certificate;
  const atApp = await stop(app);
  const atEdge = await stop(edge);
  // The app's probes come by the same door: what the agent saw must be among what the others saw.
  const same = (side: 'up' | 'down', seen: Seen): boolean =>
    done.connections.every((one) => seen.connections.some((other) => other[side].sha256 === one[side].sha256));
  for (const [index, one] of done.connections.entries()) {
    console.log(
      `   connection ${index + 1}: ${one.up.bytes} bytes up ${one.up.sha256.slice(0, 12)}…, ${one.down.bytes} down ${one.down.sha256.slice(0, 12)}…`,
    );
  }
  check('agent → edge → app: the same bytes, by SHA-256', same('up', atEdge) && same('up', atApp));
  check('app → edge → agent: the same bytes, by SHA-256', same('down', atEdge) && same('down', atApp));
  check('the agent met the certificate whose key only the app holds', done.certificate === fingerprint);
  check('the edge saw none of the planted strings, in bytes or in its log', atEdge.found.length === 0);
  console.log('   what the edge does see: the tunnel’s name, sizes, times and addresses');
} finally {
  for (const { child } of [app, edge]) if (child.exitCode === null) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
}
console.log(failures === 0 ? '\nAll as it should be.\n' : `\n${failures} checks failed.\n`);
process.exitCode = failures === 0 ? 0 : 1;
