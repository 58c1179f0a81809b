import type { Random } from './random.ts';

/** What cases are made of that the gateway would accept. */
export interface Valid {
  readonly path: string;
  readonly host: string;
  readonly token: string;
  /** A legacy session of that token. */
  readonly session: string;
}

/** One case: the bytes that a client writes, in pieces, and whether it closes its side after them. */
export interface HttpCase {
  readonly kind: string;
  readonly pieces: readonly Buffer[];
}

interface Draft {
  kind: string;
  method: string;
  target: string;
  version: string;
  headers: [string, string][];
  body: Buffer;
  framing: 'length' | 'chunked' | 'none' | 'wrong' | 'both';
}

const odd = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '',
  '\u202e',
  'tools/call\u0000',
  'TOOLS/CALL',
  'a'.repeat(5_000),
];
const values = [
  'null',
  'true',
  '-0',
  '1e400',
  '9007199254740993',
  '[]',
  '{}',
  '""',
  '"\\ud800"',
  '{"a":1,"a":2}',
  '{"__proto__":{}}',
  '[[[[]]]]',
];

/** Makes one case: something valid, broken in up to four places. */
export function makeCase(random: Random, valid: Valid): HttpCase {
  const draft = validDraft(random, valid);
  const breaks = random.below(5);
  for (let count = 0; count < breaks; count += 1) random.pick(mutations)(draft, random, valid);
  return { kind: draft.kind, pieces: written(draft, random) };
}

function validDraft(random: Random, valid: Valid): Draft {
  const headers: [string, string][] = [
    ['Host', valid.host],
    ['Authorization', `Bearer ${valid.token}`],
    ['Accept', 'application/json, text/event-stream'],
    ['Content-Type', 'application/json'],
  ];
  const draft: Draft = {
    kind: '',
    method: 'POST',
    target: valid.path,
    version: 'HTTP/1.1',
    headers,
    body: Buffer.alloc(0),
    framing: 'length',
  };
  const rpc = (method: string, params: object, id?: unknown) => ({
    jsonrpc: '2.0',
    method,
    params,
    ...(id === undefined ? {} : { id }),
  });
  const call = { name: 'read_note', arguments: { path: 'a', n: random.below(1_000_000) } };
  const meta = {
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  };
  const now = (method: string, params: object = {}): void => {
    draft.kind = `modern ${method}`;
    headers.push(['MCP-Protocol-Version', '2026-07-28'], ['Mcp-Method', method]);
    if ('name' in params) headers.push(['Mcp-Name', String(params.name)]);
    draft.body = Buffer.from(JSON.stringify(rpc(method, { ...params, ...meta }, random.below(1_000))));
  };
  const before = (body: unknown, kind: string): void => {
    draft.kind = `legacy ${kind}`;
    headers.push(['Mcp-Session-Id', valid.session], ['MCP-Protocol-Version', '2025-11-25']);
    draft.body = Buffer.from(JSON.stringify(body));
  };
  const kinds: (() => void)[] = [
    () => now('tools/call', call),
    () => now('tools/list'),
    () => now('server/discover'),
    () => now('subscriptions/listen', { notifications: { toolsListChanged: true } }),
    () => now(random.pick([...odd, 'resources/read', 'prompts/get', 'initialize', 'ping'])),
    () => before(rpc('tools/call', call, `i${random.below(1e9)}`), 'tools/call'),
    () => before(rpc('tools/list', {}, `i${random.below(1e9)}`), 'tools/list'),
    () => before(rpc('notifications/cancelled', { requestId: random.below(10) }), 'cancelled'),
    () => before({ jsonrpc: '2.0', id: 1, result: {} }, 'response'),
    () => before([rpc('tools/call', call, 'b1'), rpc('ping', {}, 'b2')], 'batch'),
    () => {
      draft.kind = 'probe';
      draft.method = 'GET';
      draft.framing = 'none';
      draft.target = `/.well-known/sallyport-probe?nonce=${random.below(1e9)}`;
    },
    () => {
      draft.kind = 'get';
      draft.method = random.pick(['GET', 'DELETE', 'PUT', 'OPTIONS', 'HEAD', 'TRACE', 'PATCH', 'post', 'M-SEARCH']);
      draft.framing = random.pick(['none', 'length']);
      // A session that is not there: the valid one is still needed.
      headers.push(['Mcp-Session-Id', random.pick(['none', '', '\u00e9', 'x'.repeat(2_000)])]);
    },
  ];
  random.pick(kinds)();
  return draft;
}

type Mutation = (draft: Draft, random: Random, valid: Valid) => void;

/** Well above the 4 MiB that the gateway takes, and far below what a string of V8 can hold. */
const largestBody = 16 * 1024 * 1024;

const bodyText = (draft: Draft, change: (text: string) => string): void => {
  draft.body = Buffer.from(change(draft.body.toString('utf8')));
};

const mutations: readonly Mutation[] = [
  // Headers
  (draft, random) => void draft.headers.splice(random.below(draft.headers.length), 1),
  (draft, random) => void draft.headers.push(random.pick(draft.headers)),
  (draft, random) => {
    const [name] = random.pick(draft.headers);
    draft.headers.push([name.toUpperCase(), random.pick([...odd.map(printable), '2026-07-28, 2025-11-25', '*/*'])]);
  },
  (draft, random) => {
    const at = random.below(draft.headers.length);
    const header = draft.headers[at];
    if (header)
      draft.headers[at] = [
        header[0],
        printable(random.pick([...odd, '=?base64?YQ==?=', '=?base64?!!!?=', 'gzip', '\u00ff', ' x '])),
      ];
  },
  (draft, random) => void draft.headers.push(['Content-Encoding', random.pick(['gzip', 'br', 'identity', 'x'])]),
  (draft, random) =>
    void draft.headers.push(['Origin', random.pick(['https://evil.example', 'null', 'http://', '\u00e4'])]),
  (draft, random) =>
    void draft.headers.push(['MCP-Protocol-Version', random.pick(['2024-11-05', '2026-07-28', '9999-99-99', 'x'])]),
  (draft, random) => void draft.headers.push(['Expect', random.pick(['100-continue', '200-ok'])]),
  (draft, random) => void draft.headers.push(['Mcp-Param-X', random.pick(odd.map(printable))]),
  (draft, random) => void draft.headers.push(['X-Long', 'x'.repeat(random.pick([100, 10_000, 20_000, 70_000]))]),
  (draft, random) => void draft.headers.push([random.pick(['Bad Name', 'X\u0000', '', 'X:Y', '\tX']), 'x']),
  (draft, random) => {
    draft.headers = draft.headers.map(([name, value]) =>
      name === 'Authorization'
        ? [name, random.pick(['Bearer x', 'Basic eDp4', '', 'Bearer  ', `bearer ${value}`])]
        : [name, value],
    );
  },
  // Request line
  (draft, random, valid) => {
    draft.target = random.pick([
      '/',
      '*',
      `${valid.path}/`,
      `${valid.path}?a=%ff`,
      `http://evil.example${valid.path}`,
      `//${valid.host}${valid.path}`,
      `${valid.path}?access_token=x`,
      '/%2e%2e/mcp',
      `/${'a'.repeat(9_000)}`,
      '/.well-known/oauth-protected-resource/notes/mcp',
    ]);
  },
  (draft, random) => {
    draft.version = random.pick(['HTTP/1.0', 'HTTP/1.1', 'HTTP/2.0', 'HTTP/0.9', 'http/1.1', 'HTTP/1.1 x']);
  },
  (draft, random) => {
    draft.method = random.pick(['GET', 'DELETE', 'POST', 'PRI', 'CONNECT', '', 'P\u0000ST']);
  },
  // Framing
  (draft, random) => {
    draft.framing = random.pick(['chunked', 'chunked', 'wrong', 'both', 'none']);
  },
  // Bodies
  (draft, random) => {
    const at = random.below(draft.body.length + 1);
    draft.body = Buffer.concat([draft.body.subarray(0, at), random.bytes(random.below(8)), draft.body.subarray(at)]);
  },
  (draft, random) => {
    draft.body = draft.body.subarray(0, random.below(draft.body.length + 1));
  },
  (draft, random) =>
    bodyText(draft, (text) => text.replace(/"[a-zA-Z_]+":/g, (name) => (random.once(4) ? `${name}1,${name}` : name))),
  (draft, random) =>
    bodyText(draft, (text) =>
      text.replace(/:(?:"[^"]*"|[0-9]+|\{\})/g, (value) => (random.once(4) ? `:${random.pick(values)}` : value)),
    ),
  (draft, random) =>
    bodyText(draft, (text) =>
      text.replace(/"(jsonrpc|method|params|id|name|arguments|_meta)"/g, (name) =>
        random.once(4) ? JSON.stringify(random.pick(odd)) : name,
      ),
    ),
  (draft, random) => bodyText(draft, (text) => `${'['.repeat(random.pick([1, 63, 65, 5_000]))}${text}`),
  (draft, random) => {
    // Other changes may have come first and made the text long, and this one may come twice: this grows none past 16 MiB.
    const room = Math.floor(largestBody / (draft.body.length + 1));
    const length = Math.min(random.pick([0, 1, 2, 33, 200]), room);
    bodyText(draft, (text) => `[${Array.from({ length }, () => text).join(',')}]`);
  },
  (draft, random) =>
    bodyText(
      draft,
      (text) => `${random.pick(['\ufeff', ' ', '\u0000', '//x\n', ''])}${text}${random.pick(['', '\n', 'x', '{}'])}`,
    ),
  (draft, random) =>
    bodyText(draft, (text) => text.replace('"a"', `"${'a'.repeat(random.pick([1_000, 100_000, 300_000]))}"`)),
  (draft) => bodyText(draft, (text) => text.replace('}', ',"x":"\\ud83d"}')),
];

function printable(text: string): string {
  return text.replace(/[^\t\x20-\x7e\x80-\xff]/g, '?');
}

function written(draft: Draft, random: Random): Buffer[] {
  const { body, framing } = draft;
  const headers: [string, string][] = [...draft.headers, ['Connection', 'close']];
  let payload: Buffer = body;
  if (framing === 'length') headers.push(['Content-Length', String(body.length)]);
  if (framing === 'wrong') {
    headers.push([
      'Content-Length',
      random.pick([
        '-1',
        '0',
        '1',
        'x',
        '99999999999999999999',
        '5, 6',
        String(body.length + 7),
        String(5 * 1024 * 1024),
      ]),
    ]);
  }
  if (framing === 'both') headers.push(['Content-Length', '3'], ['Transfer-Encoding', 'chunked']);
  if (framing === 'chunked')
    headers.push(['Transfer-Encoding', random.pick(['chunked', 'chunked', 'gzip, chunked', 'Chunked', 'x'])]);
  if (framing === 'chunked' || framing === 'both') payload = chunked(body, random);
  const end = random.once(50) ? '\n' : '\r\n';
  const head = [
    `${draft.method} ${draft.target} ${draft.version}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    '',
    '',
  ].join(end);
  const all = Buffer.concat([Buffer.from(head, 'latin1'), payload]);
  if (!random.once(4)) return [all];
  const cut = random.below(all.length + 1);
  return [all.subarray(0, cut), all.subarray(cut)];
}

function chunked(body: Buffer, random: Random): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const size = 1 + random.below(body.length);
    const part = body.subarray(at, at + size);
    const length = random.once(30) ? random.pick(['zz', 'ffffffffffffffff', '-1', '']) : part.length.toString(16);
    parts.push(Buffer.from(`${length}${random.once(20) ? ';ext=1' : ''}\r\n`), part, Buffer.from('\r\n'));
    at += size;
  }
  if (!random.once(20)) parts.push(Buffer.from('0\r\n\r\n'));
  return Buffer.concat(parts);
}
