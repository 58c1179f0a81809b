import { SallyportError, type SallyportErrorOptions } from '../../shared/errors.ts';
import { visibleText } from '../../shared/visible-text.ts';
import type { ServerHealth } from './servers.ts';

/** How a server failed, as its health shows it. */
export type FailedState = Extract<ServerHealth['state'], 'crashed' | 'wrong-output' | 'needs-authorization'>;

/** An error at hop `server` that also says which health state it leaves behind. */
export class ServerFailure extends SallyportError {
  readonly state: FailedState;

  constructor(code: string, state: FailedState, message: string, options: SallyportErrorOptions = {}) {
    super(code, 'server', message, options);
    this.state = state;
  }

  /** The same failure under another code: what ends a running call as `server_gone` fails a start as `server_not_ready`. */
  as(code: string): ServerFailure {
    if (code === this.code) return this;
    return new ServerFailure(code, this.state, this.message, {
      ...(this.hint ? { hint: this.hint } : {}),
      ...(this.cause === undefined ? {} : { cause: this.cause }),
    });
  }
}

/** Makes any thrown value a {@link ServerFailure} with that code; errors of other hops pass as they are. */
export function asStartFailure(thrown: unknown): SallyportError {
  if (thrown instanceof ServerFailure) return thrown.as('server_not_ready');
  if (thrown instanceof SallyportError) {
    if (thrown.hop !== 'server' || thrown.code === 'server_busy') return thrown;
    const hint = thrown.hint ? { hint: thrown.hint } : {};
    return new ServerFailure('server_not_ready', 'crashed', thrown.message, { ...hint, cause: thrown });
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new ServerFailure('server_not_ready', 'crashed', message, { cause: thrown });
}

/** Text of a server as part of a sentence: quoted, visible, at most `max` characters (`security.md` S15). */
export function quoted(text: string, max = 300): string {
  return `"${visibleText(text.trim(), { max })}"`;
}
