import { basename } from 'node:path';
import type { Command } from 'commander';
import { readMcpProxyConfig } from '../core/tunnel/connectors/anthropic/mcp-proxy-config.ts';
import { ask } from './instance.ts';
import type { CliIo } from './io.ts';
import { shown, table } from './output.ts';
import { readSource } from './secret-input.ts';

/** `tunnel import FILE`: takes over the configuration of an `mcp-proxy`. */
export function registerImportCommand(tunnel: Command, io: CliIo): void {
  tunnel
    .command('import')
    .description('Take over the config.yaml of an mcp-proxy: its routes become servers, its listener ours')
    .argument('<file>')
    .action(async (file: string) => {
      const config = readMcpProxyConfig(await readSource(io, file), basename(file));
      const known = (await ask(io, 'servers.list', {})).servers;
      const servers: { name: string; slug: string; host: string; url: string; added: boolean }[] = [];
      for (const route of config.routes) {
        const url = `${route.upstream}/mcp`;
        const same = known.find((server) => server.url === url);
        const { name, slug } =
          same ?? (await ask(io, 'servers.add', { name: route.key, url, source: `mcp-proxy ${basename(file)}` }));
        servers.push({ name, slug, host: route.host, url, added: same === undefined });
      }
      // Only what is not one label below the domain under its own name needs to be remembered by host.
      const hosts = Object.fromEntries(
        servers.filter(({ host, slug }) => host !== `${slug}.${config.domain}`).map(({ host, slug }) => [host, slug]),
      );
      await ask(io, 'tunnel.use', {
        way: 'anthropic',
        anthropic: { domain: config.domain, mode: 'listener', listen: config.listen, hosts },
      });
      const { domain, listen, remarks } = config;
      io.print({ domain, listen, servers, remarks }, () =>
        [
          `The way in is now the listener at 127.0.0.1:${listen} for ${shown(domain)}.`,
          table(
            servers.map((server) => [`  ${shown(server.host)}`, shown(server.url), server.added ? 'added' : 'known']),
          ),
          ...remarks,
        ].join('\n'),
      );
    });
}
