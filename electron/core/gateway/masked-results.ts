import type { Call } from '../../shared/call.ts';
import type { Clock } from '../../shared/clock.ts';
import { SallyportError } from '../../shared/errors.ts';
import { type JsonObject, serializeJson } from '../../shared/json-tree.ts';
import type { KeptResults } from './kept-results.ts';
import { type EndFilter, matches } from './live.ts';

/** A result that went out with its secrets masked, or was withheld for them. */
export interface MaskedResult {
  /** Of the call whose result it is. */
  readonly id: string;
  /** The call as the agent made it: its next identical one gets the result if the person sends it. */
  readonly call: Call;
  readonly grant: string;
  readonly original: JsonObject;
  readonly kinds: readonly string[];
  readonly withheld: boolean;
}

/** Originals of masked results, ten minutes in memory, never on disk (`security.md` S18): a person may look, and may send. */
export interface MaskedResults {
  note(masked: MaskedResult): void;
  list(): readonly (MaskedResult & { readonly at: string; readonly until: string })[];
  /** The original as JSON text. @throws SallyportError `result_gone` at hop `gateway` */
  reveal(id: string): { readonly text: string; readonly kinds: readonly string[] };
  /** The next identical call of that agent gets the original, once. @throws SallyportError `result_gone` */
  send(id: string): MaskedResult;
  drop(filter: EndFilter): void;
}

const keptMs = 10 * 60_000;
const most = 100;
const maxBytes = 32 * 1024 * 1024;

/** Makes it. At most 100 results and 32 MiB; the oldest leave first. */
export function createMaskedResults(clock: Clock, kept: Pick<KeptResults, 'keep'>): MaskedResults {
  const results = new Map<string, { masked: MaskedResult; text: string; at: number; stop: () => void }>();
  let bytes = 0;
  const forget = (id: string): void => {
    const one = results.get(id);
    if (!one) return;
    one.stop();
    bytes -= one.text.length;
    results.delete(id);
  };
  const find = (id: string) => {
    const one = results.get(id);
    if (one) return one;
    throw new SallyportError('result_gone', 'gateway', 'The original of that result is not kept any more.', {
      hint: 'Originals are kept for ten minutes, in memory only. The agent can call again.',
    });
  };
  return {
    note(masked) {
      forget(masked.id);
      const text = serializeJson(masked.original);
      bytes += text.length;
      results.set(masked.id, { masked, text, at: clock.now(), stop: clock.schedule(keptMs, () => forget(masked.id)) });
      for (const oldest of results.keys()) {
        if (results.size <= most && bytes <= maxBytes) break;
        forget(oldest);
      }
    },
    list: () =>
      [...results.values()].map(({ masked, at }) => ({
        ...masked,
        at: new Date(at).toISOString(),
        until: new Date(at + keptMs).toISOString(),
      })),
    reveal(id) {
      const { text, masked } = find(id);
      return { text, kinds: masked.kinds };
    },
    send(id) {
      const { masked } = find(id);
      kept.keep(masked.call, masked.grant, masked.original);
      forget(id);
      return masked;
    },
    drop(filter) {
      for (const [id, { masked }] of [...results]) {
        const owner = { agent: masked.call.agent.id, grant: masked.grant, server: masked.call.server };
        if (matches(filter, owner)) forget(id);
      }
    },
  };
}
