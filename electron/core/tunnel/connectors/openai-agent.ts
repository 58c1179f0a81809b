import { visibleText } from '../../../shared/visible-text.ts';
import type { Authorization } from '../../oauth/resource-server.ts';

/** Products that come through the tunnel, by what their `User-Agent` holds. */
const products: readonly (readonly [RegExp, string, string])[] = [
  [/codex/i, 'codex', 'Codex'],
  [/chatgpt/i, 'chatgpt', 'ChatGPT'],
  [/agentkit|responses/i, 'api', 'OpenAI API'],
  [/openai/i, 'openai', 'OpenAI'],
];

/** How long an unverified visitor's leave lasts when nothing ends it before, in milliseconds. */
const leaveMs = 24 * 60 * 60_000;

/**
 * Who a command is from where the person relies on the tunnel's own access control: one agent for each tunnel and product.
 * The headers are the service's word, so the name says that nothing of it was verified.
 */
export function unverifiedAgent(
  tunnelId: string,
  headers: ReadonlyMap<string, readonly string[]>,
  now: number,
): Authorization {
  const userAgent = headers.get('user-agent')?.[0] ?? '';
  const known = products.find(([pattern]) => pattern.test(userAgent));
  const said = visibleText(userAgent.split(/[/\s]/)[0] ?? '', { max: 40 });
  const name = known?.[2] ?? (said === '' ? 'An agent' : said);
  const kind = known?.[1] ?? 'other';
  return {
    agent: { id: `openai:${tunnelId}:${kind}`, name: `${name} (OpenAI tunnel, not verified)` },
    grantId: `openai:${tunnelId}`,
    expiresAt: now + leaveMs,
  };
}
