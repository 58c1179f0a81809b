import type { lookup as systemLookup } from 'node:dns';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createGuardedFetch, isPublicAddress } from '../../../electron/core/oauth/guarded-fetch.ts';
import { type DocumentServer, startDocumentServer } from '../../integration/oauth/document-server.ts';

let server: DocumentServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

/** A resolver that gives these answers, one a question, the last one for ever. */
function resolver(...answers: string[][]): { lookup: typeof systemLookup; asked: () => number } {
  let asked = 0;
  const lookup = (_name: string, _options: object, callback: (error: null, found: object[]) => void): void => {
    const found = answers[Math.min(asked, answers.length - 1)] ?? [];
    asked += 1;
    callback(
      null,
      found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
  return { lookup: lookup as unknown as typeof systemLookup, asked: () => asked };
}

test.each([
  '127.0.0.1',
  '127.9.9.9',
  '10.0.0.1',
  '172.16.3.4',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '0.0.0.0',
  '224.0.0.1',
  '255.255.255.255',
  '192.0.2.1',
  '::1',
  '::',
  'fe80::1',
  'fc00::1',
  'fd12::1',
  '::ffff:127.0.0.1',
  '::ffff:8.8.8.8',
  '64:ff9b::7f00:1',
  '2002:7f00:1::',
  'ff02::1',
  '2001:db8::1',
  'nonsense',
])('%s is not public', (address) => {
  expect(isPublicAddress(address)).toBe(false);
});

test.each(['8.8.8.8', '160.79.104.10', '2606:4700::1'])('%s is public', (address) => {
  expect(isPublicAddress(address)).toBe(true);
});

describe('a stranger’s address', () => {
  /** A port of this machine that counts its visitors. */
  const trap = async () => {
    let visitors = 0;
    const listener = createServer((socket) => {
      visitors += 1;
      socket.destroy();
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    return { port, visitors: () => visitors, close: () => listener.close() };
  };

  test.each([
    'https://127.0.0.1:PORT/c.json',
    'https://[::1]:PORT/c.json',
    'https://[::ffff:127.0.0.1]:PORT/c.json',
    'https://localhost:PORT/c.json',
    'https://2130706433:PORT/c.json',
    'https://0x7f.1:PORT/c.json',
  ])('on this machine is refused before any connection: %s', async (address) => {
    const port = await trap();
    const fetching = createGuardedFetch()(address.replace('PORT', String(port.port)));
    await expect(fetching).rejects.toMatchObject({ code: 'document_refused', hop: 'oauth' });
    expect(port.visitors()).toBe(0);
    port.close();
  });

  test('that is not https is refused', async () => {
    for (const url of ['http://example.com/c.json', 'ftp://example.com/x', 'file:///etc/passwd', 'nonsense']) {
      await expect(createGuardedFetch()(url)).rejects.toMatchObject({ code: 'document_refused' });
    }
  });

  test('that resolves to a private address among public ones is refused', async () => {
    const { lookup } = resolver(['8.8.8.8', '192.168.0.7']);
    await expect(createGuardedFetch({ lookup })('https://mixed.example.com/c.json')).rejects.toMatchObject({
      code: 'document_refused',
    });
  });

  test('that resolves anew (rebinding) changes nothing: what was checked is what is connected to', async () => {
    const port = await trap();
    // The first answer stands for a public address; nobody listens there.
    const { lookup, asked } = resolver(['127.0.0.2'], ['127.0.0.1']);
    const allows = (address: string): boolean => address === '127.0.0.2';
    const fetching = createGuardedFetch({ lookup, allows, timeoutMs: 300 })(
      `https://rebind.example.com:${port.port}/c.json`,
    );
    await expect(fetching).rejects.toMatchObject({ hop: 'oauth' });
    expect([asked(), port.visitors()]).toEqual([1, 0]);
    port.close();
  });
});

describe('a document', () => {
  test('is fetched', async () => {
    server = await startDocumentServer();
    const document = await createGuardedFetch(server.fetchDeps)(server.url('/client.json'));
    expect(document.status).toBe(200);
    expect(JSON.parse(document.body)).toMatchObject({ client_name: 'Documented' });
  });

  test('that is huge is cut off', async () => {
    server = await startDocumentServer((_request, response) => {
      response.on('error', () => {});
      response.end('x'.repeat(4_000_000));
    });
    const fetching = createGuardedFetch(server.fetchDeps)(server.url('/huge'));
    await expect(fetching).rejects.toMatchObject({
      code: 'document_refused',
      message: expect.stringContaining('16384'),
    });
  });

  test('that drips is given up', async () => {
    server = await startDocumentServer((_request, response) => {
      response.on('error', () => {});
      response.write('{');
    });
    const fetching = createGuardedFetch({ ...server.fetchDeps, timeoutMs: 200 })(server.url('/slow'));
    await expect(fetching).rejects.toMatchObject({
      code: 'document_refused',
      message: expect.stringContaining('0.2 s'),
    });
  });

  test('behind a redirect is not followed', async () => {
    server = await startDocumentServer((request, response) => {
      response.writeHead(302, { location: 'https://127.0.0.1/x' });
      response.end(request.url);
    });
    const document = await createGuardedFetch(server.fetchDeps)(server.url('/moved'));
    expect([document.status, server.asked]).toEqual([302, ['/moved']]);
  });

  test('from a server whose certificate does not fit is refused', async () => {
    server = await startDocumentServer();
    const { ca: _trusted, ...rest } = server.fetchDeps;
    await expect(createGuardedFetch(rest)(server.url('/client.json'))).rejects.toMatchObject({
      code: 'document_unreachable',
    });
  });
});
