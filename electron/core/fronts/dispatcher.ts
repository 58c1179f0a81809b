import type * as z from 'zod';
import type { Clock } from '../../shared/clock.ts';
import {
  type AppState,
  type EventPayload,
  type RequestName,
  type RequestOutput,
  requests,
  type ServerFrame,
} from '../../shared/contract.ts';
import { asSallyportError, SallyportError } from '../../shared/errors.ts';
import type { LogRow } from '../../shared/views.ts';
import { visibleText } from '../../shared/visible-text.ts';
import { createFrontSession, type FrontSession } from './front-session.ts';
import { createStateTopic } from './state-topic.ts';

/** The kinds of fronts. `test` counts as none of the others: it may do everything, and nobody is asked in its place. */
export type Front = 'window' | 'browser' | 'cli' | 'test';

/** The process at the other end of the control socket, as it says itself: shown, never trusted. */
export interface Caller {
  readonly pid: number;
  readonly name: string;
}

/** Who asks. */
export interface RequestContext {
  readonly front: Front;
  readonly caller?: Caller;
}

/** One function for each request of the contract: it gets parsed input, and what it answers is parsed again. */
export type Handlers = {
  readonly [Name in RequestName]: (
    input: z.output<(typeof requests)[Name]['input']>,
    context: RequestContext,
  ) => Promise<RequestOutput<Name>>;
};

/** What {@link createDispatcher} needs. */
export interface DispatcherDeps {
  readonly handlers: Handlers;
  readonly state: { get(): AppState; onChange(listener: (state: AppState) => void): () => void };
  readonly log: { onRow(listener: (row: LogRow) => void): () => void };
  readonly approvals: { onEvent(listener: (event: EventPayload<'approvals'>) => void): () => void };
  readonly clock: Clock;
  /** The person's setting "the command line may decide". */
  readonly cliMayDecide: () => boolean;
  /**
   * Whether a front is up that a person answers at. Default: a window or browser session is connected. The shell adds
   * its tray.
   */
  readonly widerFrontUp?: () => boolean;
}

/** How a front is connected. */
export interface FrontConnection extends RequestContext {
  /** Sends one frame. Must not throw. */
  readonly send: (frame: ServerFrame) => void;
  /** True while what was sent is still queued: events wait or are left out then, answers never are. */
  readonly congested?: () => boolean;
}

/** The one way from any front to the core (`design.md` §5). */
export interface Dispatcher {
  /**
   * Parses the input, runs the handler, parses the output.
   * @throws SallyportError `unknown_request`, `bad_input`, `answers_elsewhere`, `internal`, or what the handler threw
   */
  request(name: string, input: unknown, context: RequestContext): Promise<unknown>;
  /** Begins a front's session: it sends frames and subscribes to topics. */
  connect(connection: FrontConnection): FrontSession;
  /** How many sessions of one front are connected. */
  connected(front: Front): number;
  /** Ends all sessions. */
  close(): void;
}

/** Makes the dispatcher. */
export function createDispatcher(deps: DispatcherDeps): Dispatcher {
  const sessions = new Map<FrontSession, Front>();
  const stateTopic = createStateTopic(deps.state.get());
  const count = (front: Front): number => [...sessions.values()].filter((one) => one === front).length;
  const widerFrontUp = deps.widerFrontUp ?? (() => count('window') + count('browser') > 0);
  const each = (run: (session: FrontSession) => void): void => {
    for (const session of [...sessions.keys()]) run(session);
  };
  const tellState = (state: AppState): void => {
    const change = stateTopic.update(state);
    if (change) each((session) => session.state(change));
  };
  const stops = [
    deps.state.onChange(tellState),
    deps.log.onRow((row) => each((session) => session.logRow(row))),
    deps.approvals.onEvent((event) => each((session) => session.approval(event))),
  ];

  const request = async (name: string, input: unknown, context: RequestContext): Promise<unknown> => {
    if (!isRequestName(name)) {
      throw new SallyportError('unknown_request', 'app', `There is no request “${visibleText(name, { max: 80 })}”.`, {
        hint: 'The front and the app are of different versions: restart both.',
      });
    }
    if (requests[name].widens && context.front === 'cli' && widerFrontUp() && !deps.cliMayDecide()) {
      throw new SallyportError(
        'answers_elsewhere',
        'app',
        'This widens what agents may do, so it is decided in the open window or browser page.',
        {
          hint: 'Do it there, or switch on “The command line may decide” in its Settings.',
        },
      );
    }
    return await run(deps.handlers, name, input, context);
  };

  return {
    request,
    connected: count,
    connect(connection) {
      const session = createFrontSession({
        connection,
        request,
        clock: deps.clock,
        snapshot: () => {
          // Whoever subscribed before hears of it too: a revision means the same to all.
          tellState(deps.state.get());
          return stateTopic.snapshot();
        },
        onClose: () => sessions.delete(session),
      });
      sessions.set(session, connection.front);
      return session;
    },
    close() {
      for (const stop of stops) stop();
      each((session) => session.close());
    },
  };
}

function isRequestName(name: string): name is RequestName {
  return Object.hasOwn(requests, name);
}

async function run<Name extends RequestName>(
  handlers: Handlers,
  name: Name,
  input: unknown,
  context: RequestContext,
): Promise<unknown> {
  const spec: { input: z.ZodType; output: z.ZodType } = requests[name];
  const parsed = spec.input.safeParse(input);
  if (!parsed.success) {
    throw new SallyportError('bad_input', 'app', `${name}: ${issuesOf(parsed.error)}`);
  }
  let output: unknown;
  try {
    // The schema of this very request made the value, so its type is the handler's.
    output = await handlers[name](parsed.data as Parameters<Handlers[Name]>[0], context);
  } catch (error) {
    throw asSallyportError(error);
  }
  const checked = spec.output.safeParse(output);
  if (!checked.success) {
    throw new SallyportError('internal', 'app', `The answer to ${name} was not as agreed: ${issuesOf(checked.error)}`);
  }
  return checked.data;
}

/** Where and what, never the value: it may be a secret. */
function issuesOf(error: z.ZodError): string {
  return error.issues
    .slice(0, 3)
    .map((issue) => `${issue.path.length > 0 ? `${issue.path.map(String).join('.')}: ` : ''}${issue.message}`)
    .join('; ');
}
