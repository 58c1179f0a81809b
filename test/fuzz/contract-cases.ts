import { requests } from '../../electron/shared/contract.ts';
import type { Random } from './random.ts';

/** What a hostile front says: names and inputs of the contract, nearly right, wrong, deep, huge and inherited. */

const names = Object.keys(requests);
const strange = [
  ...['', '__proto__', 'constructor', 'toString', 'status.get ', 'STATUS.GET', 'x'.repeat(10_000)],
  ...['servers.add\u0000', '\u202eteg.sutats', '../servers.add', 'log.list;log.show'],
];
const words = ['files', 'ap-1', '', 'a'.repeat(300), '\u202e', '../../etc/passwd', 'sha256:0', '-1', 'true', '\ud800'];

/** A value of any shape, at most `depth` deep. */
export function anyValue(random: Random, depth = 3): unknown {
  switch (random.below(depth > 0 ? 11 : 7)) {
    case 0:
      return null;
    case 1:
      return random.once(2);
    case 2:
      return random.pick([0, -1, 1, 1.5, 2 ** 31, Number.MAX_SAFE_INTEGER, 1e308, -0]);
    case 3:
    case 4:
      return random.pick(words);
    case 5:
      return random.bytes(random.below(40)).toString('latin1');
    case 6:
      return 'x'.repeat(random.below(70_000));
    case 7:
      return Array.from({ length: random.below(6) }, () => anyValue(random, depth - 1));
    case 8:
      return JSON.parse(`${'['.repeat(400)}${']'.repeat(400)}`);
    default: {
      const keys = ['server', 'id', 'digest', 'answer', 'name', 'command', 'url', 'limit', '__proto__', 'toJSON'];
      const entries = Array.from({ length: random.below(6) }, () => [random.pick(keys), anyValue(random, depth - 1)]);
      return Object.fromEntries(entries);
    }
  }
}

/** A request as a hostile front would send it. */
export function anyRequest(random: Random): { name: unknown; input: unknown } {
  const name = random.once(6) ? random.pick(strange) : random.once(12) ? anyValue(random, 1) : random.pick(names);
  return { name, input: anyValue(random) };
}

/** A message that is no frame of the contract, or hardly one. */
export function anyFrame(random: Random): string {
  const { name, input } = anyRequest(random);
  switch (random.below(8)) {
    case 0:
      return random.bytes(random.below(200)).toString('latin1');
    case 1:
      return JSON.stringify({ type: 'request', id: anyValue(random, 1), name, input });
    case 2:
      return JSON.stringify({ type: random.pick(['subscribe', 'unsubscribe']), topic: name });
    case 3:
      return JSON.stringify({ type: 'answer', id: 1, ok: true, value: input });
    case 4:
      return JSON.stringify(input) ?? 'null';
    case 5:
      return '{"type":"request","id":1,"id":2,"name":"status.get","input":{}';
    default:
      return JSON.stringify({
        type: 'request',
        id: random.below(1_000),
        name,
        input,
        extra: random.once(3) || undefined,
      });
  }
}
