/** Where a link of ours may lead: documentation and the pages of our own project. Exact hosts, over https only. */
const hosts: ReadonlySet<string> = new Set([
  'modelcontextprotocol.io',
  'nodejs.org',
  'docs.claude.com',
  'platform.openai.com',
]);

/** Whether the person's browser may be opened on an address. Text of agents and servers never becomes a link at all. */
export function mayOpenOutside(address: string): boolean {
  const url = URL.parse(address);
  return (
    url !== null &&
    url.protocol === 'https:' &&
    url.port === '' &&
    url.username === '' &&
    url.password === '' &&
    hosts.has(url.hostname)
  );
}
