import { describe, expect, it } from 'vitest';
import type { ServerRecord } from '../../../electron/core/servers/servers.ts';
import { refuseWithheld } from '../../../electron/core/tunnel/readable-way.ts';
import { createUnverifiedAgents } from '../../../electron/core/tunnel/unverified-agents.ts';
import { channelsOf } from '../../../electron/core/tunnel/ways/openai-tunnel.ts';
import { createManualClock } from '../../manual-clock.ts';

const record = (slug: string, more: Partial<ServerRecord> = {}): ServerRecord => ({
  slug,
  name: slug,
  shared: true,
  target: { kind: 'http', url: 'http://127.0.0.1:1/' },
  ...more,
});
const names = (...records: ServerRecord[]): string[] =>
  channelsOf(records, undefined, (slug) => `https://localhost/${slug}`).map(
    ({ name, route }) => `${name}=${route.record.slug}`,
  );

describe('a server whose results are marked private', () => {
  it('has no channel where the middle reads, not even main', () => {
    expect(names(record('mail', { private: true }), record('files'))).toEqual(['main=files', 'files=files']);
    expect(names(record('mail', { private: true }))).toEqual([]);
  });

  it('has one where the person said so', () => {
    expect(names(record('mail', { private: true, offeredReadable: true }))).toEqual(['main=mail', 'mail=mail']);
  });

  it('is refused with the second step named', () => {
    expect(() => refuseWithheld(record('mail', { private: true }))).toThrow(
      expect.objectContaining({
        code: 'private_on_readable_way',
        hint: expect.stringContaining('private mail on --readable'),
      }),
    );
    expect(() => refuseWithheld(record('mail'))).not.toThrow();
  });
});

describe('agents of whom nothing was verified', () => {
  it('are listed with what they reached, newest first, and not without end', () => {
    const clock = createManualClock();
    const agents = createUnverifiedAgents(clock);
    for (let index = 0; index < 80; index += 1) agents.saw({ id: `a${index}`, name: 'x' }, 'files');
    agents.saw({ id: 'a79', name: 'x' }, 'mail');
    expect(agents.list()).toHaveLength(64);
    expect(agents.list()[0]).toEqual({
      id: 'a79',
      name: 'x',
      servers: ['files', 'mail'],
      lastSeenAt: '2026-11-22T12:00:00.000Z',
    });
  });
});
