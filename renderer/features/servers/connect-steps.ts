// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the editors' own placeholders, pasted as they are.
import { shellQuote } from '../../shell-quote.ts';
import { texts } from '../../texts.ts';

/** The agents that the sheet knows how to connect, in the order of its tabs. */
export const connectable = ['claude', 'claude-code', 'chatgpt', 'cursor', 'vscode', 'others', 'api'] as const;
/** See {@link connectable}. */
export type Connectable = (typeof connectable)[number];

/** One thing to do: what, and the exact text to paste. */
export interface Step {
  readonly words: string;
  readonly paste: string;
}

/** What a tab says: steps, or the one sentence why it cannot work yet. */
export type Connect = { readonly steps: readonly Step[] } | { readonly why: string };

/** A shell line that writes the certificate authority beside where one stands. */
const saveAuthority = 'sallyport tunnel ca > sallyport-ca.pem';
const environment = 'export SALLYPORT_TOKEN=…\nexport NODE_EXTRA_CA_CERTS="$PWD/sallyport-ca.pem"';

/**
 * How to connect one agent to a shared server. Hosted agents come from outside and trust public roots only, so there are
 * no steps for them while the way in is this machine, or the certificate is our own (`ui.md`, Servers).
 * @param openAiTunnel id of OpenAI's tunnel, while that is the way in: ChatGPT is given it instead of an address
 */
export function connectSteps(
  agent: Connectable,
  server: { slug: string; url: string },
  way: string,
  openAiTunnel?: string,
): Connect {
  const name = texts.connect.agents[agent];
  const { slug, url } = server;
  const words = texts.connect;
  const header = { Authorization: 'Bearer ${env:SALLYPORT_TOKEN}' };
  if (agent === 'chatgpt' && openAiTunnel !== undefined) {
    return { steps: [{ words: words.chatgptTunnel, paste: openAiTunnel }] };
  }
  switch (agent) {
    case 'claude':
    case 'chatgpt':
      return { why: way === 'embedded' || way === 'openai' ? words.hostedEmbedded(name) : words.hostedForeign(name) };
    case 'claude-code':
      return {
        steps: [
          { words: words.ca, paste: saveAuthority },
          {
            words: words.claudeCode,
            paste: `claude mcp add --transport http ${slug} ${shellQuote(url)} --header "Authorization: Bearer $SALLYPORT_TOKEN"`,
          },
          { words: words.claudeCodeStart, paste: 'NODE_EXTRA_CA_CERTS="$PWD/sallyport-ca.pem" claude' },
        ],
      };
    case 'cursor':
      return {
        steps: [
          { words: words.ca, paste: saveAuthority },
          { words: words.cursor, paste: json({ mcpServers: { [slug]: { url, headers: header } } }) },
          { words: words.cursorStart, paste: `${environment}\ncursor .` },
        ],
      };
    case 'vscode':
      return {
        steps: [
          { words: words.ca, paste: saveAuthority },
          {
            words: words.vscode,
            paste: json({
              inputs: [{ id: 'sallyport-token', type: 'promptString', description: 'Sallyport token', password: true }],
              servers: { [slug]: { type: 'http', url, headers: { Authorization: 'Bearer ${input:sallyport-token}' } } },
            }),
          },
          { words: words.vscodeStart, paste: 'NODE_EXTRA_CA_CERTS="$PWD/sallyport-ca.pem" code .' },
        ],
      };
    case 'others':
      return {
        steps: [
          { words: words.ca, paste: saveAuthority },
          { words: words.others, paste: url },
        ],
      };
    case 'api':
      return {
        steps: [
          { words: words.ca, paste: saveAuthority },
          { words: words.api, paste: listTools(url) },
        ],
      };
  }
}

function listTools(url: string): string {
  const meta =
    '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}';
  return [
    `curl --cacert sallyport-ca.pem ${shellQuote(url)}`,
    `-H "Authorization: Bearer $SALLYPORT_TOKEN"`,
    `-H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream'`,
    `-H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: tools/list'`,
    `--data-raw '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{${meta}}}'`,
  ].join(' \\\n  ');
}

function json(value: unknown): string {
  return JSON.stringify(value, undefined, 2);
}
