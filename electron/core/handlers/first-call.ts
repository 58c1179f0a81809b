import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Clock } from '../../shared/clock.ts';
import type { RequestOutput } from '../../shared/contract.ts';
import { SallyportError } from '../../shared/errors.ts';
import type { Hop } from '../../shared/hop.ts';
import type { LogDetail } from '../../shared/views.ts';
import type { ResourceServer } from '../oauth/resource-server.ts';
import type { RequestLog } from '../request-log/request-log.ts';
import { type FirstAgentStep, firstAgentStep } from '../servers/sample/first-agent-steps.ts';
import type { WitnessedConnection } from '../tunnel/edge/edge-witness.ts';
import type { Tunnel } from '../tunnel/tunnel.ts';

/** What the first call needs of the stations. */
export interface FirstCallDeps {
  readonly clock: Clock;
  readonly resourceServer: ResourceServer;
  readonly log: RequestLog;
  readonly tunnel: Tunnel;
  /** Command and arguments that run the agent of the first call. */
  readonly agentCommand: readonly string[];
}

/** The sample server, as it was shared for the call. */
export interface FirstCallServer {
  readonly name: string;
  readonly slug: string;
  readonly url: string;
}

type FirstCall = RequestOutput<'servers.firstCall'>;
type FirstHop = FirstCall['hops'][number];

const agentName = 'Sallyport’s first call';
const tool = 'list_notes';
const tokenTtlMs = 60_000;
/** The whole call with the start of the process; a machine that needs longer is told so. */
const limitMs = 20_000;

/**
 * Lets an agent in a process of its own make one call on the sample server through the public door, and tells how it went
 * at each hop (`ui.md`, First run). Its token is good for a minute and ends with the call.
 * @throws SallyportError `first_call_failed` at the hop where it stopped
 */
export async function makeFirstCall(deps: FirstCallDeps, server: FirstCallServer): Promise<FirstCall> {
  const { log, resourceServer, tunnel } = deps;
  const token = resourceServer.mint({
    server: server.slug,
    resource: server.url,
    name: agentName,
    ttlMs: tokenTtlMs,
    tools: [tool],
  });
  const stopWatching = tunnel.watchEdge();
  const startedAt = new Date(deps.clock.now()).toISOString();
  let seen: readonly WitnessedConnection[] = [];
  let steps: readonly FirstAgentStep[];
  try {
    steps = await runAgent(deps, {
      url: server.url,
      token: token.token,
      ca: tunnel.trusted(),
      tool,
      arguments: {},
    });
  } finally {
    seen = stopWatching();
    resourceServer.revoke(token.id);
  }
  const row = log
    .list({ limit: 20, server: server.slug, since: startedAt })
    .rows.find((each) => each.tool === tool && each.agent?.name === agentName);
  const call = row && log.show(row.id);
  const connected = steps.filter((step) => step.step === 'connected');
  const mine = seen.filter((each) => connected.some((step) => step.clientRandom === each.clientRandom));
  const hops = hopsOf(startedAt, steps, mine, call, tunnel);
  const answered = steps.find((step) => step.step === 'answered');
  if (!answered || answered.isError || !call) {
    const failed = steps.find((step) => step.step === 'failed');
    const last = hops.at(-1)?.hop ?? 'agent';
    throw new SallyportError(
      'first_call_failed',
      last,
      `The first call stopped after ${last}: ${failed?.message ?? answered?.text ?? 'the agent ended without a word'}`,
      { hint: 'The sample server stays shared. See Requests for what was logged, then try again.' },
    );
  }
  return {
    ...server,
    callId: call.id,
    tool,
    hops,
    answer: answered.text.slice(0, 4_000),
    ...(mine.length > 0 ? { edge: edgeView(tunnel, mine) } : {}),
  };
}

/** When each hop was reached, in the order of the road; only what was seen to happen is in it. */
function hopsOf(
  startedAt: string,
  steps: readonly FirstAgentStep[],
  edge: readonly WitnessedConnection[],
  call: LogDetail | undefined,
  tunnel: Tunnel,
): FirstHop[] {
  const hops: FirstHop[] = [];
  const start = Date.parse(startedAt);
  const reach = (hop: Hop, at: string | undefined, detail: string): void => {
    if (at !== undefined) hops.push({ hop, at, afterMs: Math.max(0, Date.parse(at) - start), detail });
  };
  const { domain, port, certificate } = tunnel.view();
  const connected = steps.find((step) => step.step === 'connected');
  const stepAt = (name: string): string | undefined => call?.steps.find(({ step }) => step === name)?.at;
  const ours = connected?.fingerprint.replaceAll(':', '').toLowerCase() === plain(certificate?.fingerprint);
  reach('agent', startedAt, `A process of its own dials ${domain}:${port}`);
  reach('edge', edge[0]?.at ?? connected?.at, `Saw the name ${domain}, and passed the bytes on`);
  reach('inner-tls', connected?.at, ours ? 'The agent met this machine’s own certificate' : 'TLS ended here');
  reach('oauth', stepAt('received'), 'The token is for this server');
  reach('policy', stepAt('decided'), call?.decision?.reasons[0] ?? 'Decided, and written to the log first');
  reach('server', stepAt('forwarded'), `${call?.tool ?? tool} ran in ${Math.round(call?.ms ?? 0)} ms`);
  return hops;
}

function plain(fingerprint: string | undefined): string | undefined {
  return fingerprint
    ?.replace(/^sha256:/, '')
    .replaceAll(':', '')
    .toLowerCase();
}

function edgeView(tunnel: Tunnel, seen: readonly WitnessedConnection[]): NonNullable<FirstCall['edge']> {
  const most = seen.reduce((before, each) => (each.bytesUp > before.bytesUp ? each : before));
  const sum = (of: (each: WitnessedConnection) => number): number => seen.reduce((total, each) => total + of(each), 0);
  return {
    name: tunnel.view().domain,
    at: seen[0]?.at ?? most.at,
    connections: seen.length,
    bytesUp: sum((each) => each.bytesUp),
    bytesDown: sum((each) => each.bytesDown),
    sample: most.sample.toString('hex'),
  };
}

/** Starts the agent, gives it its task, and gathers what it says until it ends. */
async function runAgent(deps: FirstCallDeps, task: object): Promise<readonly FirstAgentStep[]> {
  const [command, ...args] = deps.agentCommand;
  if (command === undefined) throw new SallyportError('internal', 'app', 'The first call has no command.');
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'], env: inherited(), windowsHide: true });
  const cancel = deps.clock.schedule(limitMs, () => child.kill('SIGKILL'));
  try {
    const started = new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) =>
        reject(new SallyportError('first_call_failed', 'agent', `The agent did not start: ${error.message}`)),
      );
    });
    await started;
    // One that ends before it has read everything says why on its own.
    child.stdin.on('error', () => undefined);
    child.stdin.end(JSON.stringify(task));
    return await readSteps(child.stdout);
  } finally {
    cancel();
  }
}

async function readSteps(output: Readable): Promise<readonly FirstAgentStep[]> {
  const steps: FirstAgentStep[] = [];
  for await (const line of createInterface({ input: output })) {
    const step = firstAgentStep.safeParse(parseJson(line));
    if (step.success && steps.length < 100) steps.push(step.data);
  }
  return steps;
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** What any program needs to find its way, nothing else: an agent brings no variable of ours along. */
function inherited(): NodeJS.ProcessEnv {
  const names = ['HOME', 'PATH', 'SYSTEMROOT', 'SystemRoot', 'TEMP', 'TMP', 'TMPDIR', 'USERPROFILE', 'DISPLAY'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}
