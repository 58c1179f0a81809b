import { describe, expect, it } from 'vitest';
import { SallyportError } from '../../../electron/shared/errors.ts';
import {
  canonicalJson,
  fromPlain,
  type JsonNode,
  JsonNumber,
  JsonObject,
  memberAt,
  parseJson,
  serializeJson,
  toPlain,
} from '../../../electron/shared/json-tree.ts';

/** A small seeded generator (mulberry32): the same cases in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const numbers = [
  '0',
  '-0',
  '1',
  '1.0',
  '1.10',
  '-1e5',
  '1E+400',
  '9007199254740993',
  '0.1',
  '123456789012345678901234567890',
];
const words = [
  '',
  'a',
  'constructor',
  'toString',
  '__proto',
  'é',
  '😀',
  '\u0000',
  '\u2028',
  '"\\/',
  'x'.repeat(50),
  '\u202e',
];

/** JSON text without white space whose strings are written as `JSON.stringify` writes them. */
function anyJson(random: () => number, depth: number): string {
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const kind = Math.floor(random() * (depth > 0 ? 7 : 5));
  if (kind === 0) return pick(['null', 'true', 'false']);
  if (kind <= 2) return pick(numbers);
  if (kind <= 4) return JSON.stringify(pick(words) + pick(words));
  const length = Math.floor(random() * 5);
  if (kind === 5) return `[${Array.from({ length }, () => anyJson(random, depth - 1)).join(',')}]`;
  const names = new Set(Array.from({ length }, () => pick(words) + pick(words)));
  return `{${[...names].map((name) => `${JSON.stringify(name)}:${anyJson(random, depth - 1)}`).join(',')}}`;
}

const refused = (source: string | Uint8Array): string => {
  try {
    parseJson(source);
  } catch (thrown) {
    if (thrown instanceof SallyportError && thrown.code === 'bad_json' && thrown.hop === 'agent') return thrown.message;
    throw thrown;
  }
  throw new Error(`accepted: ${typeof source === 'string' ? source : Buffer.from(source).toString('latin1')}`);
};

describe('parseJson and serializeJson', () => {
  it('give back what they were given, character by character', () => {
    const random = seeded(1);
    for (let round = 0; round < 5_000; round += 1) {
      const text = anyJson(random, 5);
      expect(serializeJson(parseJson(text))).toBe(text);
      expect(serializeJson(parseJson(Buffer.from(text)))).toBe(text);
    }
  });

  it('read what JSON.parse reads, with white space anywhere', () => {
    const random = seeded(2);
    for (let round = 0; round < 2_000; round += 1) {
      const text = anyJson(random, 4);
      const spaced = JSON.stringify(JSON.parse(text), null, round % 2 === 0 ? ' \t' : '\r\n ');
      expect(toPlain(parseJson(spaced))).toEqual(JSON.parse(spaced));
    }
  });

  it('accept nothing that JSON.parse refuses, whatever is broken in it', () => {
    const random = seeded(3);
    const breaks = [
      '{',
      '}',
      '[',
      ']',
      '"',
      ',',
      ':',
      '\\',
      'u',
      '0',
      '-',
      '.',
      'e',
      ' ',
      '\u0001',
      't',
      '\ud800',
      '\ufeff',
    ];
    let broken = 0;
    for (let round = 0; round < 20_000; round += 1) {
      const text = anyJson(random, 3);
      const at = Math.floor(random() * (text.length + 1));
      const other = breaks[Math.floor(random() * breaks.length)] ?? '';
      const mutated = text.slice(0, at) + other + text.slice(at + Math.floor(random() * 2));
      let ours: JsonNode | undefined;
      try {
        ours = parseJson(mutated);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(SallyportError);
        broken += 1;
        continue;
      }
      expect(toPlain(ours)).toEqual(JSON.parse(mutated));
    }
    expect(broken).toBeGreaterThan(5_000);
  });

  it('keep escapes as the characters they mean', () => {
    expect(parseJson('"\\u0041\\n\\/\\ud83d\\ude00"')).toBe('A\n/😀');
    expect(serializeJson(parseJson('"\\u00e9"'))).toBe('"é"');
  });

  const refusals: readonly [string, string | Uint8Array, string][] = [
    ['nothing', '', 'offset 0: it ends early'],
    ['white space alone', ' \n', 'ends early'],
    ['two values', '1 2', 'something follows'],
    ['a duplicate name', '{"a":1,"a":1}', '"a" appears twice'],
    ['a duplicate name in other spelling', '{"a":1,"\\u0061":2}', '"a" appears twice'],
    ['__proto__', '{"a":{"__proto__":1}}', '__proto__'],
    ['__proto__ in escapes', '{"\\u005f_proto__":1}', '__proto__'],
    ['a lone high surrogate', '"\\ud800"', 'lone surrogate'],
    ['a lone low surrogate', '"\\udc00x"', 'lone surrogate'],
    ['a raw lone surrogate', '"\ud800"', 'lone surrogate'],
    ['surrogates in the wrong order', '"\\ude00\\ud83d"', 'lone surrogate'],
    ['a byte-order mark', '\ufeff{}', 'unexpected character'],
    ['a byte-order mark in bytes', new Uint8Array([0xef, 0xbb, 0xbf, 0x31]), 'unexpected character'],
    ['invalid UTF-8', new Uint8Array([0x22, 0xff, 0x22]), 'not valid UTF-8'],
    ['overlong UTF-8', new Uint8Array([0x22, 0xc0, 0xaf, 0x22]), 'not valid UTF-8'],
    ['a surrogate in UTF-8', new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]), 'not valid UTF-8'],
    ['cut UTF-8', new Uint8Array([0x22, 0xf0, 0x9f]), 'not valid UTF-8'],
    ['a control character', '"\n"', 'control character'],
    ['an open string', '"abc', 'does not end'],
    ['a bad escape', '"\\x41"', 'bad escape'],
    ['a half escape', '"\\u00"', 'bad escape'],
    ['a half escape at the end', '"\\u00', 'does not end'],
    ['an escaped end', '"\\\\\\"', 'does not end'],
    ['a trailing comma', '[1,]', 'unexpected character'],
    ['a trailing comma in an object', '{"a":1,}', 'member name'],
    ['a leading zero', '01', 'something follows'],
    ['a plus sign', '+1', 'unexpected character'],
    ['a bare point', '.5', 'unexpected character'],
    ['a point at the end', '1.', 'something follows'],
    ['hexadecimal', '0x10', 'something follows'],
    ['NaN', 'NaN', 'unexpected character'],
    ['Infinity', '-Infinity', 'unexpected character'],
    ['a word in capitals', 'True', 'unexpected character'],
    ['half a word', 'nul', 'unexpected character'],
    ['single quotes', "'a'", 'unexpected character'],
    ['a comment', '/* */ 1', 'unexpected character'],
    ['a bare name', '{a:1}', 'member name'],
    ['a missing colon', '{"a" 1}', '":" is expected'],
    ['an open array', '[1', 'needs "," or "]"'],
    ['the wrong bracket', '[1}', 'needs "," or "]"'],
    ['other white space', '\u00a01', 'unexpected character'],
  ];
  for (const [what, source, says] of refusals) {
    it(`refuse ${what}`, () => {
      expect(refused(source)).toContain(says);
    });
  }

  it('hold to their limits, at the limit and beyond', () => {
    const nested = (depth: number): string => `${'['.repeat(depth)}1${']'.repeat(depth)}`;
    expect(serializeJson(parseJson(nested(64)))).toBe(nested(64));
    expect(refused(nested(65))).toContain('nested deeper than 64');
    expect(refused('['.repeat(1_000_000))).toContain('nested deeper than 64');
    expect(() => parseJson('[1,2]', { nodes: 2 })).toThrow('more than 2 values');
    expect(() => parseJson('[1]', { nodes: 2 })).not.toThrow();
    expect(() => parseJson('["\\n",1]', { nodes: 3 })).toThrow('more than 3 values');
    expect(() => parseJson('["n",1]', { nodes: 3 })).not.toThrow();
    expect(() => parseJson('{"a":{}}', { depth: 0 })).toThrow('nested deeper than 0');
  });

  it('take time in proportion to what they read', () => {
    const long = `"${'a\\n'.repeat(1_000_000)}"`;
    const started = performance.now();
    expect((parseJson(long) as string).length).toBe(2_000_000);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

describe('canonicalJson', () => {
  it('is the same for the same members in any order, and differs for anything else', () => {
    const canonical = (text: string): string => canonicalJson(parseJson(text));
    expect(canonical('{"b":[{"d":1,"c":2}],"a":null}')).toBe('{"a":null,"b":[{"c":2,"d":1}]}');
    expect(canonical('{"\u{1f600}":1,"\ufb01":2}')).toBe('{"\u{1f600}":1,"\ufb01":2}'); // UTF-16 order, not code points
    expect(canonical('1.0')).not.toBe(canonical('1'));
    expect(canonical('9007199254740992')).not.toBe(canonical('9007199254740993'));
    expect(canonical('"é"')).not.toBe(canonical('"e\u0301"'));
    expect(canonical('[1,2]')).not.toBe(canonical('[2,1]'));
  });
});

describe('trees', () => {
  it('look nothing up on a prototype', () => {
    const tree = parseJson('{"a":{}}');
    expect(memberAt(tree, 'a', 'constructor')).toBeUndefined();
    expect(memberAt(tree, 'toString')).toBeUndefined();
    expect(memberAt(parseJson('[1]'), 'length')).toBeUndefined();
    expect(memberAt(parseJson('"text"'), 'length')).toBeUndefined();
    expect(Object.getPrototypeOf(toPlain(new JsonObject([['__proto__', new JsonObject()]])))).toBe(Object.prototype);
  });

  it('are changed by copy, members in their place', () => {
    const tree = parseJson('{"a":1,"b":2}') as JsonObject;
    expect(serializeJson(tree.with('a', 'x').with('c', null).with('b', undefined))).toBe('{"a":"x","c":null}');
    expect(serializeJson(tree)).toBe('{"a":1,"b":2}');
  });

  it('say which numbers a double holds', () => {
    const exact = (lexeme: string): boolean => new JsonNumber(lexeme).exact;
    expect(['0', '-0', '42', '9007199254740991', '0.5', '1e3'].map(exact)).not.toContain(false);
    expect(['9007199254740992', '9007199254740993', '1e400', '1e300', '-1e400'].map(exact)).not.toContain(true);
  });

  it('come from plain values, and refuse what JSON cannot hold', () => {
    expect(serializeJson(fromPlain({ a: [1, 'x', null, true], b: undefined, c: { d: 0.5 } }))).toBe(
      '{"a":[1,"x",null,true],"c":{"d":0.5}}',
    );
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 1n, () => {}, Symbol('x'), undefined]) {
      expect(() => fromPlain(value)).toThrow(SallyportError);
    }
  });
});
