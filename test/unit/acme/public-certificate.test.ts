import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createKeyfileSealer } from '../../../electron/core/secrets/keyfile-sealer.ts';
import type { Secrets } from '../../../electron/core/secrets/secrets.ts';
import { createSecrets } from '../../../electron/core/secrets/secrets-file.ts';
import { type OrderCertificate, RateLimitedError } from '../../../electron/core/tunnel/acme/order.ts';
import {
  openPublicCertificate,
  type PublicCertificate,
} from '../../../electron/core/tunnel/acme/public-certificate.ts';
import { readNetwork } from '../../../electron/core/tunnel/connectors/network.ts';
import { type Authority, createAuthority } from '../../../electron/core/tunnel/pki/authority.ts';
import { issueServerCertificate } from '../../../electron/core/tunnel/pki/issue-certificate.ts';
import { SallyportError } from '../../../electron/shared/errors.ts';
import { createManualClock } from '../../manual-clock.ts';

const hour = 3_600_000;
const day = 24 * hour;
const domain = 'box.example.net';

let folder: string;
let secrets: Secrets;
let authority: Authority;
let clock: ReturnType<typeof createManualClock>;
/** What the authority does next; by default it gives a certificate. */
let answer: (() => Promise<never>) | undefined;
let orders: number[];
let troubles: string[];
let renewed: number;
const opened: PublicCertificate[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sp-public-'));
  secrets = await createSecrets({
    path: join(folder, 'secrets.json'),
    sealer: createKeyfileSealer({ path: join(folder, 'keyfile') }),
  });
  clock = createManualClock();
  ({ authority } = await createAuthority({ commonName: 'Authority', now: clock.now() }));
  answer = undefined;
  orders = [];
  troubles = [];
  renewed = 0;
});
afterEach(async () => {
  for (const one of opened.splice(0)) one.close();
  await rm(folder, { recursive: true, force: true });
});

const order: OrderCertificate = async ({ domain: asked }) => {
  orders.push(clock.now());
  if (answer) return await answer();
  const { pem, keyPem } = await issueServerCertificate({ authority, hosts: [asked], now: clock.now() });
  return { chain: pem, key: keyPem, account: 'https://ca.test/acct/7', caaIdentities: ['ca.test'] };
};

async function open(): Promise<PublicCertificate> {
  const one = await openPublicCertificate({
    choice: { domain, directory: 'https://ca.test/dir', termsAgreed: true },
    secrets,
    folder: join(folder, 'pki'),
    clock,
    network: readNetwork({}),
    present: () => () => undefined,
    order,
    onTrouble: (error) => troubles.push(error.code),
    onRenewed: () => {
      renewed += 1;
    },
  });
  opened.push(one);
  return one;
}

/** Moves time on and waits until what it began has been written down. */
async function pass(milliseconds: number, until: () => boolean): Promise<void> {
  clock.advance(milliseconds);
  await expect.poll(until).toBe(true);
}
const refuse = (error: SallyportError) => () => Promise.reject(error);

test('it is ordered at once, renewed at two thirds of its life, and the old one serves until the new one does', async () => {
  const one = await open();
  expect(one.current()).toBeUndefined();
  await one.orderNow();
  const first = one.current();
  expect(orders).toHaveLength(1);
  const life = Date.parse(first?.notAfter ?? '') - new X509Certificate(first?.cert ?? '').validFromDate.getTime();
  const renewAt = new X509Certificate(first?.cert ?? '').validFromDate.getTime() + (life * 2) / 3;
  expect(one.status().renewAt).toBe(new Date(renewAt).toISOString());

  await pass(renewAt - clock.now() - hour, () => orders.length === 1);
  let release = (): void => undefined;
  answer = () =>
    new Promise((_resolve, reject) => {
      release = () => reject(new SallyportError('acme_refused', 'app', 'no'));
    });
  await pass(12 * hour, () => orders.length === 2);
  // While the order is under way, and after it failed, the old one serves.
  expect(one.current()).toBe(first);
  release();
  await expect.poll(() => troubles).toEqual(['acme_refused']);
  expect(one.current()).toBe(first);
  answer = undefined;
  await pass(hour, () => renewed === 2);
  expect(one.current()?.pin).not.toBe(first?.pin);
  // One key is kept, and no key lies in the folder.
  await expect.poll(() => secrets.names(`pki:${domain}:public-key:`)).toHaveLength(1);
  for (const file of await readdir(join(folder, 'pki'))) {
    expect(await readFile(join(folder, 'pki', file), 'utf8')).not.toContain('PRIVATE KEY');
  }
});

test('failures: an hour, then twice as long each time, a day at most; and a restart does not forget it', async () => {
  answer = refuse(new SallyportError('acme_challenge_failed', 'edge', 'not here'));
  let one = await open();
  await expect(one.orderNow()).rejects.toMatchObject({ code: 'acme_challenge_failed' });
  for (const wait of [1, 2, 4, 8, 16, 24, 24]) {
    const before = orders.length;
    expect(Date.parse(one.status().renewAt) - clock.now()).toBe(wait * hour);
    one.close();
    one = await open();
    for (let at = 0; at < wait - 1; at += 1) clock.advance(hour);
    expect(orders).toHaveLength(before);
    // Told once it is written down, so that a restart knows it.
    await pass(hour, () => troubles.length === before);
    expect(orders).toHaveLength(before + 1);
  }
});

test('an authority that asks us to wait is heard, and a person who asks has to wait as well', async () => {
  answer = refuse(new RateLimitedError('slow down', 40 * hour, undefined));
  const one = await open();
  await expect(one.orderNow()).rejects.toMatchObject({ code: 'acme_rate_limited' });
  expect(Date.parse(one.status().renewAt) - clock.now()).toBe(40 * hour);
  await expect(one.orderNow()).rejects.toMatchObject({ code: 'certificate_wait' });
  expect(orders).toHaveLength(1);
  answer = undefined;
  for (let at = 0; at < 39; at += 1) clock.advance(hour);
  expect(orders).toHaveLength(1);
  await pass(hour, () => one.current() !== undefined);
});

test('a person can have it renewed, but not beyond what authorities allow in a week', async () => {
  const one = await open();
  for (let at = 0; at < 4; at += 1) {
    await one.orderNow();
    clock.advance(hour);
  }
  await expect(one.orderNow()).rejects.toMatchObject({ code: 'certificate_wait' });
  expect(orders).toHaveLength(4);
  clock.advance(7 * day);
  await one.orderNow();
  expect(orders).toHaveLength(5);
});

test('one that ended is not served, what is stored serves after a restart, and what does not fit is refused', async () => {
  const one = await open();
  await one.orderNow();
  const stored = one.current();
  one.close();
  const again = await open();
  expect(again.current()?.pin).toBe(stored?.pin);
  expect(orders).toHaveLength(1);
  answer = refuse(new SallyportError('acme_unreachable', 'app', 'gone'));
  for (let at = 0; at < 91; at += 1) {
    clock.advance(day);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(again.current()).toBeUndefined();

  const { pem } = await issueServerCertificate({ authority, hosts: ['other.example.net'], now: clock.now() });
  answer = undefined;
  const wrong: OrderCertificate = async (request) => ({ ...(await order(request)), chain: pem });
  const third = await openPublicCertificate({
    choice: { domain, directory: 'https://two.test/dir', termsAgreed: true },
    secrets,
    folder: join(folder, 'other'),
    clock,
    network: readNetwork({}),
    present: () => () => undefined,
    order: wrong,
    onTrouble: () => undefined,
    onRenewed: () => undefined,
  });
  opened.push(third);
  await expect(third.orderNow()).rejects.toMatchObject({ code: 'acme_refused' });
  expect(third.current()).toBeUndefined();
});
