import * as z from 'zod';
import { type Hop, hops } from './hop.ts';

/**
 * What every front shows and the CLI prints when something failed: a stable `code` (snake_case, listed in `docs/cli.md`),
 * the sentence for people, the hop that failed, and what to do about it.
 */
export const errorShape = z.object({
  code: z.string().regex(/^[a-z][a-z0-9_]*$/),
  message: z.string(),
  hop: z.enum(hops),
  hint: z.string().optional(),
});

/** Plain form of an error as it crosses a process border. */
export type ErrorShape = z.infer<typeof errorShape>;

/** Options of {@link SallyportError} beyond code, hop and message. */
export interface SallyportErrorOptions {
  /** What the person can do about it, one sentence. */
  readonly hint?: string;
  /** The error underneath, for the local log only: it never crosses a border. */
  readonly cause?: unknown;
}

/**
 * The one error type of the app. `code` is for programs, `message` and `hint` for people, `hop` says which station failed.
 * The message must never hold a secret: it is shown, logged and sent.
 */
export class SallyportError extends Error {
  override readonly name = 'SallyportError';
  readonly code: string;
  readonly hop: Hop;
  readonly hint: string | undefined;

  constructor(code: string, hop: Hop, message: string, options: SallyportErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hop = hop;
    this.hint = options.hint;
  }

  /** The form that crosses borders; `cause` and stack stay behind. */
  toShape(): ErrorShape {
    return { code: this.code, message: this.message, hop: this.hop, ...(this.hint ? { hint: this.hint } : {}) };
  }

  /** Rebuilds an error that another process sent. */
  static fromShape(shape: ErrorShape): SallyportError {
    return new SallyportError(shape.code, shape.hop, shape.message, shape.hint ? { hint: shape.hint } : {});
  }
}

/**
 * Makes any thrown value a {@link SallyportError}. An unknown error becomes `internal` at the hop given, with its message
 * but without its stack.
 */
export function asSallyportError(thrown: unknown, hop: Hop = 'app'): SallyportError {
  if (thrown instanceof SallyportError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new SallyportError('internal', hop, message, { cause: thrown });
}
