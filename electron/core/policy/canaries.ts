import { randomBytes } from 'node:crypto';
import * as z from 'zod';
import { type Clock, timestamp } from '../../shared/clock.ts';
import { SallyportError } from '../../shared/errors.ts';
import { type JsonNode, JsonNumber, JsonObject } from '../../shared/json-tree.ts';
import type { Secrets } from '../secrets/secrets.ts';

/** A value that was planted where nobody has business: an agent that sends it somewhere was led there. */
export interface Canary {
  readonly id: string;
  /** Where it was planted, in the person's words. */
  readonly note: string;
  readonly value: string;
  /** RFC 3339 UTC. */
  readonly at: string;
}

/** The planted values. They are kept sealed: whoever could read them could avoid them. */
export interface Canaries {
  list(): readonly Canary[];
  /** Plants a value: the given one, or one that is made. @throws SallyportError `canary_unfit`, `too_many_canaries` at hop `policy` */
  add(note: string, value?: string): Promise<Canary>;
  /** @throws SallyportError `canary_not_found` */
  remove(id: string): Promise<void>;
  /** The canary that arguments hold, plainly or encoded; undefined if none. */
  foundIn(...nodes: readonly (JsonNode | undefined)[]): Canary | undefined;
  onChange(listener: () => void): () => void;
}

const secretName = 'canaries';
const most = 100;
/** Shorter values would be met by chance. */
const shortest = 10;
const longest = 200;
const stored = z.array(z.object({ id: z.string(), note: z.string(), value: z.string(), at: z.string() }));

/** Opens them. @throws SallyportError `secrets_locked`, `secrets_corrupt` */
export async function openCanaries(deps: { readonly secrets: Secrets; readonly clock: Clock }): Promise<Canaries> {
  const { secrets, clock } = deps;
  const text = await secrets.get(secretName);
  let canaries: readonly Canary[] = text === undefined ? [] : stored.parse(JSON.parse(text));
  let watch = watchFor(canaries);
  const listeners = new Set<() => void>();
  let keeping: Promise<unknown> = Promise.resolve();
  // One after the other: two changes at once would each write a list without the other's.
  const keep = (change: (now: readonly Canary[]) => readonly Canary[]): Promise<void> => {
    const kept = keeping.then(async () => {
      const next = change(canaries);
      await secrets.set(secretName, JSON.stringify(next));
      canaries = next;
      watch = watchFor(next);
      for (const listener of [...listeners]) listener();
    });
    keeping = kept.catch(() => {});
    return kept;
  };
  return {
    list: () => canaries,
    async add(note, given) {
      const value = given?.trim() ?? madeUp();
      if (!isFit(value)) {
        throw new SallyportError(
          'canary_unfit',
          'policy',
          `A planted value has ${shortest} to ${longest} letters and digits that nothing else has.`,
          { hint: 'Leave the value out, and one is made.' },
        );
      }
      if (canaries.length >= most) {
        throw new SallyportError('too_many_canaries', 'policy', `There are ${most} planted values already.`, {
          hint: 'Remove one first: sallyport canaries list',
        });
      }
      const canary = { id: randomBytes(4).toString('hex'), note, value, at: timestamp(clock) };
      await keep((now) => [...now, canary]);
      return canary;
    },
    async remove(id) {
      if (!canaries.some((one) => one.id === id)) {
        throw new SallyportError('canary_not_found', 'policy', 'There is no planted value of that id.', {
          hint: 'See sallyport canaries list',
        });
      }
      await keep((now) => now.filter((one) => one.id !== id));
    },
    foundIn: (...nodes) => watch(...nodes),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Whether a value is one that nothing else has by chance. */
export function isFit(value: string): boolean {
  const plain = squeezed(value);
  return plain.length >= shortest && value.length <= longest && new Set(plain).size >= 5;
}

/** Finds these values in arguments, plainly or encoded. */
export function watchFor(canaries: readonly Canary[]): Canaries['foundIn'] {
  const needles = canaries.map(needlesOf);
  return (...nodes) => {
    if (needles.length === 0) return undefined;
    const texts = textsOf(nodes);
    const at = needles.findIndex((one) => texts.some((held) => holds(held, one)));
    return at < 0 ? undefined : canaries[at];
  };
}

/** Looks like an account of some system, and is nothing. */
function madeUp(): string {
  const letters = 'abcdefghjkmnpqrstvwxyz23456789';
  const pick = (count: number): string =>
    [...randomBytes(count)].map((byte) => letters[byte % letters.length]).join('');
  return `acct-${pick(6)}-${pick(8)}`;
}

interface Needles {
  /** Compared without case and separators. */
  readonly plain: readonly string[];
  /** Compared as they are. */
  readonly exact: readonly string[];
}

/** How a value reads where it was encoded whole or within a longer text. */
function needlesOf({ value }: Canary): Needles {
  const exact: string[] = [];
  for (const form of new Set([value, squeezed(value), value.toLowerCase(), value.toUpperCase()])) {
    for (const lead of ['', 'x', 'xx']) {
      const encoded = Buffer.from(lead + form)
        .toString('base64')
        .replace(/=+$/, '');
      // What stands before and after in the same text changes the first and the last signs.
      const core = encoded.slice(lead.length === 0 ? 0 : lead.length + 1, -2);
      exact.push(core, core.replaceAll('+', '-').replaceAll('/', '_'));
    }
  }
  const plain = squeezed(value);
  const hex = [value, value.toLowerCase(), value.toUpperCase(), plain].map((one) => Buffer.from(one).toString('hex'));
  return { plain: [plain, [...plain].reverse().join(''), ...hex], exact };
}

/** Without case, separators and characters that nobody sees. */
function squeezed(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]/gu, '');
}

interface Held {
  readonly text: string;
  readonly plain: string;
}

function holds({ text, plain }: Held, needles: Needles): boolean {
  return needles.plain.some((one) => plain.includes(one)) || needles.exact.some((one) => text.includes(one));
}

/** Every string and number of the arguments and every member's name, as it is and percent-decoded; and all of them in a row. */
function textsOf(nodes: readonly (JsonNode | undefined)[]): readonly Held[] {
  const found: string[] = [];
  const walk = (node: JsonNode | undefined): void => {
    if (typeof node === 'string') found.push(node);
    else if (node instanceof JsonNumber) found.push(node.lexeme);
    else if (Array.isArray(node)) for (const item of node as readonly JsonNode[]) walk(item);
    else if (node instanceof JsonObject) {
      for (const [name, value] of node.members) {
        found.push(name);
        walk(value);
      }
    }
  };
  nodes.forEach(walk);
  // Split over the items of a list it is still one value.
  const texts = [...found, found.join('')];
  return texts.flatMap((text) => {
    const decoded = percentDecoded(percentDecoded(text));
    return [...new Set([text, decoded])].map((one) => ({ text: one.replaceAll(/\s/g, ''), plain: squeezed(one) }));
  });
}

function percentDecoded(text: string): string {
  return text.replaceAll(/(?:%[0-9A-Fa-f]{2})+/g, (run) => {
    try {
      return decodeURIComponent(run);
    } catch {
      return run;
    }
  });
}
