import type { Clock } from '../../../shared/clock.ts';
import { asSallyportError, SallyportError } from '../../../shared/errors.ts';
import { visibleText } from '../../../shared/visible-text.ts';
import type { MessageConnector, MessageEntrance } from './message-connector.ts';
import type { Network } from './network.ts';
import { createAnsweredCommands } from './openai-answers.ts';
import { type CommandAnswer, carryOut, knownTypes, type OpenAiAccess } from './openai-command.ts';
import { errorCodeOf, type OpenAiAccount, openControlPlane, pollProblem } from './openai-control-plane.ts';
import { type Delivered, deliver, pause } from './openai-delivery.ts';
import { createOpenAiHealth } from './openai-health.ts';
import type { CommandJournal } from './openai-journal.ts';
import { afterRestart, lost, mayHaveEffect, notNoted, outOfTime, tooLarge } from './openai-last-words.ts';
import { failurePayload, type ResponsePayload, responseBody } from './openai-response.ts';
import { retryDelay } from './openai-retry.ts';
import { type Command, readCommands } from './openai-wire.ts';

/** What {@link createOpenAiConnector} needs. */
export interface OpenAiConnectorDeps {
  readonly clock: Clock;
  readonly version: string;
  readonly account: OpenAiAccount;
  readonly access: OpenAiAccess;
  readonly entrance: MessageEntrance;
  /** Proxies and CAs on the way to the service. */
  readonly network: Network;
  /** Which commands were taken before, over restarts; closed with the connector. */
  readonly journal: CommandJournal;
  /** Something for the log: a command that could not be read, an answer that was not taken. Never payload. */
  readonly onNote: (message: string) => void;
  /** Evenly distributed from 0 to below 1; default `Math.random`. */
  readonly random?: () => number;
}

/** Commands that are carried out at the same time; never more are asked for than there is room. */
export const concurrency = 32;
const maxPerPoll = 25;
/** Wait asked of the service: short, so that a revoked key shows within 5 s. */
const pollMs = 3_000;
/** After this without an answer to a poll, the service is asked whether it is there at all. */
const lateMs = 3_500;
const checkMs = 1_000;
/** Shortest time from one poll that brought nothing to the next. */
const restMs = 100;
/** A poll may take this long if the service says that it is there. */
const pollGiveUpMs = 60_000;
/** The key or the tunnel is refused: only a person can mend that. */
const refusedWaitMs = 30_000;
const provingMs = 10_000;
/** Longest life of a command that names no time. */
const longestMs = 10 * 60_000;
/** How long answers without a deadline are tried. */
const deliveryMs = 180_000;
/** How long a finished answer waits at most for notifications that are still on their way. */
const notifyGraceMs = 10_000;
const maxQueuedNotifications = 64;

interface Running {
  /** The same command, delivered again meanwhile by another shard. */
  readonly again: Command[];
}

/** The message-level way in through OpenAI's Secure MCP Tunnel: polls for commands and posts their answers. */
export function createOpenAiConnector(deps: OpenAiConnectorDeps): MessageConnector {
  const { clock, account, entrance, journal, onNote } = deps;
  const random = deps.random ?? Math.random;
  const controlPlane = openControlPlane({
    account,
    clock,
    version: deps.version,
    network: deps.network,
    channels: () => entrance.channels().map((channel) => channel.name),
  });
  const host = new URL(account.baseUrl).host;
  const health = createOpenAiHealth(clock, host);
  const answers = createAnsweredCommands(clock);
  const running = new Map<string, Running>();
  const lives = new Set<AbortController>();
  const waiting: { command: Command; receivedAt: number }[] = [];
  const stopping = new AbortController();
  const proof = Promise.withResolvers<void>();
  proof.promise.catch(() => {});
  let started = false;
  let metadataTells = false;
  let busy = 0;
  let wake: () => void = () => {};
  let roomMade: () => void = () => {};

  /** Waits, unless somebody wants to know now. */
  const waitFor = async (milliseconds: number): Promise<void> => {
    const woken = new AbortController();
    wake = () => woken.abort();
    await pause(clock, milliseconds, AbortSignal.any([woken.signal, stopping.signal]));
  };

  const post = async (
    command: Pick<Command, 'shardToken'>,
    body: Buffer,
    terminal: boolean,
    signal: AbortSignal,
    until: number,
  ): Promise<Delivered> => {
    const delivered = await deliver(
      { shardToken: command.shardToken, body, terminal, signal, until },
      { clock, controlPlane, random },
    );
    if (delivered === 'key-refused') {
      health.pollFailed(new SallyportError('openai_key_refused', 'edge', 'OpenAI refuses the runtime key.'));
    }
    return delivered;
  };

  /** Notes on the disk that a command is about to run. @returns what answers it instead, where it must not run */
  const claim = (command: Command): Buffer | undefined => {
    if (!mayHaveEffect(command)) return undefined;
    let body: Buffer;
    try {
      const found = journal.claim(command.requestId);
      if (found === 'new') return undefined;
      onNote('A command that was taken before a restart came again; it was not run again.');
      body = responseBody(command, afterRestart(command, found));
    } catch (thrown) {
      // What cannot be noted could run twice: it does not run at all.
      const why = asSallyportError(thrown, 'app').message;
      onNote(`A command could not be noted and did not run: ${why}`);
      health.commandEnded('Commands cannot be noted on the disk.');
      body = responseBody(command, notNoted(command));
    }
    answers.answered(command.requestId, body);
    return body;
  };

  /** Carries out one command and answers it, once. */
  const serve = async (command: Command, receivedAt: number): Promise<void> => {
    const now = clock.monotonic();
    const left = command.timeoutMs === undefined ? longestMs : receivedAt + command.timeoutMs - now;
    // Too late: the service does not wait any more, and nothing has run.
    if (left <= 0) return;
    const until = command.timeoutMs === undefined ? Number.POSITIVE_INFINITY : now + left;
    const seen = answers.begin(command.requestId);
    if (seen.state === 'running') {
      running.get(command.requestId)?.again.push(command);
      return;
    }
    const life = new AbortController();
    lives.add(life);
    const stopTimer = clock.schedule(Math.min(left, 86_400_000), () => life.abort());
    try {
      const earlier = seen.state === 'answered' ? (seen.body ?? responseBody(command, lost(command))) : claim(command);
      if (earlier) {
        await post(command, earlier, true, life.signal, Math.min(until, clock.monotonic() + deliveryMs));
        return;
      }
      await run(command, life.signal, until);
    } finally {
      stopTimer();
      lives.delete(life);
    }
  };

  const noteAnswered = (requestId: string): void => {
    try {
      journal.answered(requestId);
    } catch (thrown) {
      onNote(`An answer could not be noted: ${asSallyportError(thrown, 'app').message}`);
    }
  };

  const run = async (command: Command, gone: AbortSignal, until: number): Promise<void> => {
    const { requestId } = command;
    const mine: Running = { again: [] };
    running.set(requestId, mine);
    const notes = new AbortController();
    const noteSignal = AbortSignal.any([gone, notes.signal]);
    let notified: Promise<void> = Promise.resolve();
    let queued = 0;
    let body: Buffer | undefined;
    let ended = false;

    const notify = (payload: ResponsePayload): void => {
      if (queued >= maxQueuedNotifications || noteSignal.aborted) return;
      queued += 1;
      notified = notified.then(async () => {
        if (!noteSignal.aborted) {
          const made = responseBody(command, payload);
          const sent = await post(command, made, false, noteSignal, Math.min(until, clock.monotonic() + deliveryMs));
          // Best effort: after one that did not arrive, no later one is sent; the answer is.
          if (sent !== 'delivered') notes.abort();
        }
        queued -= 1;
      });
    };

    const respond = async (answer: CommandAnswer): Promise<boolean> => {
      // Notifications come before the answer, but never at the cost of its time.
      const grace = Math.min(notifyGraceMs, (until - clock.monotonic()) / 2);
      const stopGrace = clock.schedule(Math.max(0, grace), () => notes.abort());
      await notified;
      stopGrace();
      body = responseBody(command, answer.payload);
      const untilNow = Math.min(until, clock.monotonic() + deliveryMs);
      let delivered = await post(command, body, true, gone, untilNow);
      let failure = answer.failure;
      if (delivered === 'too-large') {
        failure = 'An answer was larger than OpenAI’s tunnel takes.';
        body = responseBody(command, tooLarge(command));
        delivered = await post(command, body, true, gone, untilNow);
      }
      ended = true;
      if (delivered === 'unclear' || delivered === 'refused' || delivered === 'key-refused') {
        failure ??= gone.aborted
          ? 'An answer came after its time was over.'
          : 'An answer was not taken by OpenAI’s tunnel.';
      }
      // An agent that gave up says nothing about this way.
      if (delivered !== 'gone') health.commandEnded(failure);
      if (failure) onNote(`A call through OpenAI’s tunnel failed: ${failure}`);
      return delivered === 'delivered' || delivered === 'unclear';
    };

    try {
      await carryOut(command, {
        clock,
        entrance,
        tunnelId: account.tunnelId,
        access: deps.access,
        gone,
        deadline: Number.isFinite(until) ? clock.now() + (until - clock.monotonic()) : undefined,
        notify,
        respond,
      });
      if (!ended && gone.aborted && !stopping.signal.aborted) {
        health.commandEnded('A call took longer than its time.');
        // The service named no time and still waits: only what is late by its own word goes unanswered.
        const words = command.timeoutMs === undefined ? outOfTime(command) : undefined;
        if (words) {
          body = responseBody(command, words);
          await post(command, body, true, stopping.signal, clock.monotonic() + deliveryMs);
        }
      }
    } catch (thrown) {
      const error = asSallyportError(thrown, 'tunnel');
      onNote(`A command failed inside Sallyport: ${error.message}`);
      const payload = failurePayload(command.idText, 500, 'The request failed.', { source: 'client_internal' });
      await respond({ payload, failure: error.message });
    } finally {
      answers.answered(requestId, body);
      running.delete(requestId);
      if (ended && mayHaveEffect(command)) noteAnswered(requestId);
    }
    const kept = body;
    if (kept === undefined) return;
    const tokens = new Set([command.shardToken]);
    for (const twin of mine.again) {
      if (tokens.has(twin.shardToken)) continue;
      tokens.add(twin.shardToken);
      await post(twin, kept, true, gone, Math.min(until, clock.monotonic() + deliveryMs));
    }
  };

  const startWaiting = (): void => {
    while (busy < concurrency) {
      const next = waiting.shift();
      if (!next) return;
      busy += 1;
      serve(next.command, next.receivedAt)
        .catch((thrown: unknown) => onNote(`A command failed inside Sallyport: ${asSallyportError(thrown).message}`))
        .finally(() => {
          busy -= 1;
          startWaiting();
          roomMade();
        });
    }
  };

  const take = (body: Buffer, receivedAt: number): void => {
    for (const read of readCommands(body)) {
      if ('why' in read) {
        onNote(`A command could not be read (${visibleText(read.why, { max: 120 })}); it was left alone.`);
      } else if (!knownTypes.has(read.type)) {
        const [type, id] = [read.type, read.requestId].map((text) => visibleText(text, { max: 80 }));
        onNote(`A command of the unknown type ${type} was left alone (${id}).`);
      } else waiting.push({ command: read, receivedAt });
    }
    startWaiting();
  };

  /** While a poll takes longer than it should: is the service there, and is the key still good? */
  const watch = (poll: AbortController): (() => void) => {
    let missed = 0;
    let told = false;
    let stopTimer = (): void => {};
    const over = new AbortController();
    const check = async (): Promise<void> => {
      const exchanged = await controlPlane.metadata({ timeoutMs: checkMs, signal: over.signal });
      if (over.signal.aborted) return;
      const problem = pollProblem(exchanged, host);
      const tells = problem?.code === 'openai_unreachable' || metadataTells;
      if (problem && tells) {
        missed += 1;
        told = true;
        // Nobody else will say so soon: what takes two failed polls takes one late poll and one check.
        health.pollFailed(problem);
        health.pollFailed(problem);
        if (problem.code === 'openai_unreachable' && missed > 1) poll.abort();
      } else if (!problem) {
        missed = 0;
        if (told) health.pollWorked();
        told = false;
      }
      stopTimer = clock.schedule(lateMs - checkMs, () => void check());
    };
    stopTimer = clock.schedule(lateMs, () => void check());
    return () => {
      over.abort();
      stopTimer();
    };
  };

  const pollOnce = async (attempt: number): Promise<number> => {
    const poll = new AbortController();
    const began = clock.monotonic();
    const stopWatching = watch(poll);
    const exchanged = await controlPlane.poll({
      limit: Math.min(maxPerPoll, concurrency - busy),
      timeoutMs: pollMs,
      giveUpMs: pollGiveUpMs,
      signal: AbortSignal.any([poll.signal, stopping.signal]),
    });
    stopWatching();
    if (stopping.signal.aborted && exchanged.kind === 'failed') return 0;
    if (exchanged.kind === 'answered' && exchanged.status === 400 && !nameRefused(exchanged.body)) {
      // It may know only the first version of what channels declare.
      if (controlPlane.declareLess()) return attempt;
    }
    let problem = pollProblem(exchanged, host);
    if (!problem && exchanged.kind === 'answered' && exchanged.status === 200) {
      try {
        take(exchanged.body, exchanged.receivedAt);
      } catch (thrown) {
        problem = asSallyportError(thrown, 'edge');
      }
    }
    if (!problem) {
      health.pollWorked();
      proof.resolve();
      // A service that does not hold polls must not be asked without a pause.
      const early = restMs - (clock.monotonic() - began);
      if (early > 0 && busy === 0) await waitFor(early);
      return 0;
    }
    health.pollFailed(problem);
    const hopeless = problem.code === 'openai_key_refused' || problem.code === 'openai_tunnel_unknown';
    if (hopeless) proof.reject(problem);
    const asked = exchanged.kind === 'answered' ? exchanged.retryAfterMs : undefined;
    await waitFor(hopeless ? Math.max(refusedWaitMs, asked ?? 0) : retryDelay(attempt + 1, random, asked));
    return attempt + 1;
  };

  const learnMetadata = async (): Promise<void> => {
    const exchanged = await controlPlane.metadata({ timeoutMs: provingMs, signal: stopping.signal });
    metadataTells = exchanged.kind === 'answered' && exchanged.status === 200;
  };

  const nextRoom = (): Promise<void> =>
    new Promise((resolve) => {
      roomMade = resolve;
    });

  const loop = async (): Promise<void> => {
    let attempt = 0;
    while (!stopping.signal.aborted) {
      if (busy >= concurrency || waiting.length > 0) {
        // Nothing is polled meanwhile, and still the status has to be true.
        const stopWatching = watch(new AbortController());
        await nextRoom();
        stopWatching();
        continue;
      }
      attempt = await pollOnce(attempt);
    }
  };

  return {
    level: 'message',
    start() {
      if (started) return;
      started = true;
      loop().catch((thrown: unknown) => onNote(`Polling ended: ${asSallyportError(thrown).message}`));
      proof.promise.then(learnMetadata).catch(() => {});
    },
    status: health.status,
    async proven() {
      const late = new AbortController();
      const timer = pause(clock, provingMs, AbortSignal.any([late.signal, stopping.signal])).then(() => {
        const { error } = health.status();
        if (late.signal.aborted) return;
        throw error
          ? SallyportError.fromShape(error)
          : new SallyportError('openai_unreachable', 'edge', `${host} did not answer in ${provingMs / 1_000} s.`, {
              hint: 'Check the network, and the address of the control plane if it was given.',
            });
      });
      try {
        await Promise.race([proof.promise, timer]);
      } finally {
        late.abort();
      }
    },
    onChange: health.onChange,
    retryNow: () => wake(),
    async stop(graceMs = 5_000) {
      if (stopping.signal.aborted) return;
      stopping.abort();
      waiting.length = 0;
      roomMade();
      const done = new AbortController();
      const timer = pause(clock, graceMs, done.signal);
      const drained = (async () => {
        while (busy > 0) await nextRoom();
      })();
      await Promise.race([drained, timer]);
      done.abort();
      for (const life of lives) life.abort();
      controlPlane.close();
      answers.close();
      journal.close();
      health.off();
    },
  };
}

/** Whether a refusal is about the tunnel's or a channel's name. */
function nameRefused(body: Buffer): boolean {
  return /^invalid_(?:tunnel_id|channel)_format$/.test(errorCodeOf(body) ?? '');
}
