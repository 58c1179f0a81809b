import { describe, expect, it } from 'vitest';
import { linkAmong, routeOfLink } from '../../../electron/shell/deep-links.ts';
import { createSeeded } from '../../seeded.ts';

const pages = ['servers', 'requests', 'approvals', 'agents', 'tunnel', 'settings', 'start'];

describe('links of ours', () => {
  it.each(pages)('%s opens its page', (page) => {
    expect(routeOfLink(`sallyport://${page}`)).toBe(`#/${page}`);
    expect(routeOfLink(`sallyport://${page}/`)).toBe(`#/${page}`);
  });

  it.each([
    'sallyport://prompt/approval-1',
    'sallyport://servers/files',
    'sallyport://servers?add=1',
    'sallyport://servers#/approvals',
    'sallyport://user@servers',
    'sallyport://servers:1',
    'sallyport:servers',
    'SALLYPORT://servers',
    'sallyport://servers\n--data-dir=/tmp',
    'sallyport://../servers',
    'sallyport://constructor',
    'https://servers',
    '',
  ])('%j opens nothing', (link) => {
    expect(routeOfLink(link)).toBeUndefined();
  });

  it('whatever is thrown at it, the answer is a page or nothing', () => {
    const random = createSeeded(8);
    const alphabet = ['sallyport:', '//', '/', '?', '#', '%2f', '..', '\0', '\u202e', '@', ':', ' ', '"', ...pages];
    for (let round = 0; round < 20_000; round += 1) {
      const length = 1 + random.below(6);
      const link = Array.from({ length }, () => random.pick(alphabet)).join('');
      const route = routeOfLink(link);
      if (route === undefined) continue;
      expect(pages.map((page) => `#/${page}`)).toContain(route);
      expect(link.replace(/\/$/, '')).toBe(`sallyport://${route.slice(2)}`);
    }
  });

  it('is found among arguments, whole', () => {
    expect(linkAmong(['--hidden', 'sallyport://tunnel'])).toBe('sallyport://tunnel');
    expect(linkAmong(['--data-dir', '/x'])).toBeUndefined();
  });
});
