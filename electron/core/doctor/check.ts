import type { Hop } from '../../shared/hop.ts';
import type { Words } from './words.ts';

/** One thing that was looked at. */
export interface Check {
  /** What was looked at, in one word; stable. */
  readonly check: string;
  /** Where on the road it belongs. */
  readonly hop: Hop;
  readonly ok: boolean;
  readonly detail: Words;
  /** What mends it; there is one wherever `ok` is false. */
  readonly fix?: Words;
}

/** A check that went well. */
export function good(check: string, hop: Hop, detail: Words): Check {
  return { check, hop, ok: true, detail };
}

/** A check that found something wrong, and what mends it. */
export function bad(check: string, hop: Hop, detail: Words, fix: Words): Check {
  return { check, hop, ok: false, detail, fix };
}
