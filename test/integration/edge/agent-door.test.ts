import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import type { Connector, PeerInfo } from '../../../electron/core/tunnel/connectors/connector.ts';
import { agentProtocol } from '../../../electron/core/tunnel/edge/protocol.ts';
import { createWebSocketDuplex } from '../../../electron/core/tunnel/edge/websocket-duplex.ts';
import { createCsr } from '../../../electron/core/tunnel/pki/certificate-request.ts';
import {
  clientHello,
  connectorFor,
  createInner,
  digest,
  type InnerServer,
  join,
  remainder,
  startConnector,
  startEdge,
  type TestEdge,
} from '../../fixtures/edge-harness.ts';

const domain = 'box.edge.test';
let edge: TestEdge;
let connector: Connector;
let inner: InnerServer;
let credentials: { cert: string; key: string };
let serial: string;
const peers: PeerInfo[] = [];

beforeEach(async () => {
  peers.length = 0;
  edge = await startEdge({ agentsAllowed: ['127.0.0.1/32'] });
  inner = await createInner(domain, (socket) => socket.pipe(socket));
  connector = connectorFor(await join(edge));
  await startConnector(connector, (stream, peer) => {
    peers.push(peer);
    inner.feed(stream);
  });
  const { csrPem, keyPem } = await createCsr();
  const issued = await edge.edge.enrolment.addAgent('claude', csrPem);
  serial = issued.serialNumber;
  credentials = { cert: issued.pem, key: keyPem };
});

afterEach(async () => {
  await connector.stop(0);
  await edge.edge.close(0);
});

function knock(path: string, protocols: string[], extra: Partial<typeof credentials> = credentials): WebSocket {
  const options: ClientOptions & { servername: string } = {
    servername: 'agents.edge.test',
    ca: [edge.authority.pem],
    perMessageDeflate: false,
    ...extra,
  };
  return new WebSocket(`wss://127.0.0.1:${edge.port}${path}`, protocols, options);
}

/** Status and error code with which the door refuses. */
async function refusal(webSocket: WebSocket): Promise<[number | undefined, string]> {
  const [, response] = (await once(webSocket, 'unexpected-response')) as [
    unknown,
    NodeJS.ReadableStream & { statusCode?: number },
  ];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return [response.statusCode, text === '' ? '' : JSON.parse(text).error.code];
}

async function innerTls(webSocket: WebSocket): Promise<TLSSocket> {
  await once(webSocket, 'open');
  const carrier: Duplex = createWebSocketDuplex(webSocket);
  const socket = connectTls({ socket: carrier, servername: domain, ca: [inner.ca] });
  await once(socket, 'secureConnect');
  return socket;
}

test('an agent with a certificate gets its own TLS through, byte for byte', async () => {
  for (const protocols of [[agentProtocol], []]) {
    const socket = await innerTls(knock(`/tunnel/${domain}`, protocols));
    const sent = randomBytes(2_000_000);
    const received = createHash('sha256');
    let bytes = 0;
    const whole = new Promise<void>((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        received.update(chunk);
        bytes += chunk.length;
        if (bytes === sent.length) resolve();
      });
    });
    socket.write(sent);
    await whole;
    expect(received.digest('hex')).toBe(createHash('sha256').update(sent).digest('hex'));
    socket.destroy();
  }
  expect(peers).toMatchObject([{ door: 'agent', remoteAddress: '127.0.0.1' }, { door: 'agent' }]);
});

test('without a certificate, or with a connector’s, the door stays shut', async () => {
  expect(await refusal(knock(`/tunnel/${domain}`, [], {}))).toEqual([403, '']);
  const joined = await join(edge, 'other.edge.test');
  const asConnector = knock(`/tunnel/${domain}`, [], { cert: joined.certificate, key: joined.key });
  expect(await refusal(asConnector)).toEqual([403, '']);
  expect(peers).toEqual([]);
});

test('an agent’s certificate does not open the connectors’ door', async () => {
  const { ca, caPin, ...joined } = await join(edge, 'third.edge.test');
  const intruder = connectorFor({ ...joined, ca, caPin, certificate: credentials.cert, key: credentials.key });
  intruder.start(() => undefined);
  const refused = await new Promise((resolve) => {
    const off = intruder.onChange(() => {
      if (intruder.status().state !== 'trouble') return;
      off();
      resolve(intruder.status().error?.code);
    });
  });
  expect(refused).toBe('edge_refused');
  await intruder.stop(0);
});

test('refusals are HTTP statuses with a code', async () => {
  expect(await refusal(knock('/tunnel/nobody.test', []))).toEqual([404, 'unknown_tunnel']);
  expect(await refusal(knock('/elsewhere', []))).toEqual([404, 'unknown_tunnel']);
  expect(await refusal(knock(`/tunnel/${domain}`, ['other']))).toEqual([400, 'unknown_protocol']);
  await connector.stop(0);
  expect(await refusal(knock(`/tunnel/${domain}`, []))).toEqual([503, 'tunnel_down']);
});

test('an address that is not on the list is turned away before any handshake', async () => {
  const socket = connectTcp({ host: '127.0.0.1', port: edge.port, localAddress: '127.0.0.9' });
  socket.write(await clientHello('agents.edge.test'));
  expect([...(await remainder(socket)).bytes]).toEqual([21, 3, 3, 0, 2, 2, 49]);
});

test('revoking an agent cuts what it has open and keeps it out', async () => {
  const webSocket = knock(`/tunnel/${domain}`, []);
  const socket = await innerTls(webSocket);
  socket.on('error', () => undefined);
  const closed = digest(socket).catch(() => undefined);
  await edge.edge.revoke(serial);
  await closed;
  expect(await refusal(knock(`/tunnel/${domain}`, []))).toEqual([403, '']);
});

test('malformed upgrades cost the sender only', async () => {
  const ask = async (servername: string, text: string): Promise<string> => {
    const tcp = connectTcp({ host: '127.0.0.1', port: edge.port });
    const socket = connectTls({ socket: tcp, servername, ca: [edge.authority.pem], ...credentials });
    await once(socket, 'secureConnect');
    socket.write(text);
    return (await remainder(socket)).bytes.toString();
  };
  const upgrade = 'Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n';
  expect(await ask('edge.test', `GET // HTTP/1.1\r\n${upgrade}\r\n`)).toMatch(/^HTTP\/1\.1 404 /);
  const halfway = `GET /connect HTTP/1.1\r\n${upgrade}Sec-WebSocket-Protocol: sallyport.h2.v1\r\n\r\n`;
  expect(await ask('edge.test', halfway)).toMatch(/^HTTP\/1\.1 400 /);
  expect(await ask('agents.edge.test', `GET // HTTP/1.1\r\n${upgrade}\r\n`)).toMatch(/^HTTP\/1\.1 404 /);
  expect(await ask('agents.edge.test', `GET /tunnel/${domain} HTTP/1.1\r\n${upgrade}\r\n`)).toMatch(/^HTTP\/1\.1 400 /);
  expect(await ask('agents.edge.test', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(/^HTTP\/1\.1 426 /);
  expect(await ask('edge.test', 'POST /enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}')).toMatch(
    /^HTTP\/1\.1 400 .*"bad_request"/s,
  );
  const webSocket = knock(`/tunnel/${domain}`, []);
  (await innerTls(webSocket)).destroy();
});
